"""Where events go: into Slack's outbox and, where somebody listens, the webhook's, in the recorder's transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from include.alerts.outbox import Notice
from include.sla.incidents.message import body, event_id, notice
from include.sla.incidents.values import Event, Incident
from include.webhook.outbox import WebhookOutbox


def nobody() -> bool:
    """Return that no webhook's receiver is set."""
    return False


@dataclass(frozen=True, slots=True)
class Desk:
    """Writes events into the outboxes of the connection that the incident is written on.

    ``links`` is Airflow's own address (no slash at its end; None: nowhere to link to). ``has_receiver`` is asked only
    when there is something to tell: whether a webhook is set.
    """

    connection: psycopg.Connection
    links: str | None = None
    has_receiver: Callable[[], bool] = nobody

    def tell(self, told: list[tuple[Event, Incident]], now: datetime) -> None:
        """Enqueue an incident's new events, in their order: each for the webhook, the newest one for people."""
        if told:
            event, incident = told[-1]
            self._to_slack(notice(event, incident, incident.channel, now), now)
            self._to_webhook(told, now)

    def escalate(self, incident: Incident, channel: str, now: datetime) -> None:
        """Enqueue an escalation, for another channel."""
        self._to_slack(notice(Event.ESCALATED, incident, channel, now), now)
        self._to_webhook([(Event.ESCALATED, incident)], now)

    def _to_slack(self, message: Notice, now: datetime) -> None:
        from include.alerts.store import PostgresAlertStore  # noqa: PLC0415 - the watcher rests without it

        PostgresAlertStore(self.connection).enqueue(message, now)

    def _to_webhook(self, told: list[tuple[Event, Incident]], now: datetime) -> None:
        if self.has_receiver():
            outbox = WebhookOutbox(self.connection)
            for event, incident in told:
                outbox.enqueue(event_id(event, incident), body(event, incident, now), now)
