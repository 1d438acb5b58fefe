"""What the watcher does about a silence: records it, tells Slack by itself, and says when it is over."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import psycopg

from include.errors import CaliError
from include.sla.incidents.book import IncidentBook
from include.sla.incidents.values import Draft, Event, Incident, Kind
from include.watcher.decide import POSTGRES, Sighting, Silence
from include.watcher.settings import WatcherSettings
from include.webhook.deliver import deliver
from include.webhook.outbox import WebhookOutbox

log = logging.getLogger(__name__)
BUDGET_S = 15.0
PROMISE = "The platform is at work"
BACK = "it is back"


class Teller:
    """Tells each silence once and its end once; while Postgres is the silent one it is written down afterwards."""

    def __init__(self, settings: WatcherSettings) -> None:
        self._settings = settings
        self._unwritten: Incident | None = None

    def tell(
        self, connection: psycopg.Connection | None, sighting: Sighting, silences: Sequence[Silence]
    ) -> list[tuple[Event, str]]:
        """Tell what is new; return each event and the part that it is about.

        Raises:
            psycopg.Error: Postgres went away in the middle; what was not told is told at the next look.
        """
        if connection is None:
            return self._tell_without_postgres(silences, sighting.at)
        told = self._end_unwritten(connection, sighting.at) + self._record(connection, sighting, silences)
        if told:
            self._send(connection)
        return told

    def _record(
        self, connection: psycopg.Connection, sighting: Sighting, silences: Sequence[Silence]
    ) -> list[tuple[Event, str]]:
        book = IncidentBook(connection)
        known = {one.subject: one for one in book.open_ones(Kind.PLATFORM)}
        new = [silence for silence in silences if silence.part not in known]
        back = sorted(known.keys() & sighting.well)
        told: list[tuple[Event, str]] = []
        if not new and not back:
            return told
        from include.sla.incidents.desk import Desk  # noqa: PLC0415 - it brings pyarrow, and is rarely needed

        desk = Desk(connection, self._settings.links, lambda: self._settings.receiver is not None)
        for silence in new:
            with connection.transaction():
                opened = book.open(self._draft(silence), sighting.at)
                if opened is not None:
                    desk.tell([(Event.OPENED, opened)], sighting.at)
                    told.append((Event.OPENED, silence.part))
        for part in back:
            with connection.transaction():
                ended = book.recover(known[part].incident_id, BACK, sighting.at)
                if ended is not None:
                    desk.tell([(Event.RECOVERED, ended)], sighting.at)
                    told.append((Event.RECOVERED, part))
        return told

    def _send(self, connection: psycopg.Connection) -> None:
        """Send what waits: who does so otherwise is the platform that is silent."""
        from include.alerts.dispatch import dispatch  # noqa: PLC0415 - only when there is something to say
        from include.alerts.environment import alert_settings  # noqa: PLC0415
        from include.alerts.store import PostgresAlertStore  # noqa: PLC0415

        try:
            store = PostgresAlertStore(connection)
            settings = alert_settings().linked_to(self._settings.links)
            report = dispatch(store, self._settings.messenger(), settings, BUDGET_S, wait_for_updates=False)
            for reason in report.errors:
                log.warning("not told yet error=%s", reason)
        except CaliError as error:
            log.warning("not told yet error=%s", error)
        if self._settings.receiver is not None:
            deliver(WebhookOutbox(connection), self._settings.receiver, BUDGET_S)

    def _tell_without_postgres(self, silences: Sequence[Silence], now: datetime) -> list[tuple[Event, str]]:
        silence = next((one for one in silences if one.part == POSTGRES), None)
        if silence is None or self._unwritten is not None:
            return []
        draft = self._draft(silence)
        values = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
        incident = Incident(**values, incident_id=0, opened_at=now)
        if not self._say(Event.OPENED, incident, now):
            return []
        self._unwritten = incident
        return [(Event.OPENED, POSTGRES)]

    def _end_unwritten(self, connection: psycopg.Connection, now: datetime) -> list[tuple[Event, str]]:
        told = self._unwritten
        if told is None:
            return []
        ended = replace(told, recovered_at=now, recovery=BACK)
        if not self._say(Event.RECOVERED, ended, now):
            return []
        self._unwritten = None
        book = IncidentBook(connection)
        with connection.transaction():
            written = book.open(told, told.opened_at)
            if written is not None:
                book.recover(written.incident_id, BACK, now)
        return [(Event.RECOVERED, POSTGRES)]

    def _say(self, event: Event, incident: Incident, now: datetime) -> bool:
        from include.sla.incidents.message import notice  # noqa: PLC0415 - like the desk

        told = notice(event, incident, incident.channel, now)
        key = f"watcher-{incident.name}-{incident.opened_at.isoformat()}-{event}"
        try:
            self._settings.messenger().post(told.channel, told.message.text, told.message.blocks, key)
        except CaliError as error:
            log.warning("not told error=%s", error)
            return False
        return True

    def _draft(self, silence: Silence) -> Draft:
        return Draft(
            kind=Kind.PLATFORM,
            subject=silence.part,
            name=silence.part,
            owner="cali",
            channel=self._settings.channel,
            severity="critical",
            promise=PROMISE,
            due_at=silence.since,
            cause=silence.why,
            url=self._settings.links,
        )
