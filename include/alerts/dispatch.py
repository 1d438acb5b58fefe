"""Send what the outbox holds: in order, at the channels' pace, and once."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from include.adapters.slack import (
    MessageGoneError,
    MessageReference,
    Messenger,
    OutcomeUnknownError,
    RateLimitedError,
    Reply,
)
from include.alerts.contract import AlertStore
from include.alerts.group import AlertGroup, Shown
from include.alerts.outbox import PATIENT, REPLIES, Kind, Message, Notice, OutboxMessage, backoff
from include.alerts.rendering import render, render_details, render_fallback
from include.alerts.routing import Links
from include.alerts.settings import AlertSettings
from include.errors import CaliError, ConfigurationError, FencedError, TransientError
from include.records import Clock, utc_now

log = logging.getLogger(__name__)

# How long to leave it to another sender that holds what is due now.
CONTENDED = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """What a dispatch did; the last three count messages by how their last attempt ended.

    ``deferred`` were rate limited or lost to another sender, ``failed`` met a transient error and wait for their next
    attempt, ``parked`` wait until somebody has mended the cause. ``errors`` are their distinct reasons. ``waiting``
    tells whether messages are left that fall due later.
    """

    sent: int
    deferred: int
    failed: int
    parked: int
    waiting: bool
    errors: tuple[str, ...] = ()

    def raise_for_failures(self) -> None:
        """Raise what a task should end with when messages could not be sent; every one of them stays in the outbox.

        Raises:
            TransientError: Slack did not answer; the same dispatch may go through later.
            ConfigurationError: Slack refused; mend the cause, then ``revive`` the parked messages.
        """
        reasons = "; ".join(self.errors)
        if self.failed:
            raise TransientError(f"{self.failed} alert messages wait in the outbox for Slack: {reasons}")
        if self.parked:
            raise ConfigurationError(f"{self.parked} alert messages are parked until the cause is mended: {reasons}")


def dispatch(
    store: AlertStore,
    messenger: Messenger,
    settings: AlertSettings,
    budget_seconds: float,
    clock: Clock = utc_now,
    wait: Callable[[float], None] = time.sleep,
    *,
    wait_for_updates: bool = True,
) -> DispatchReport:
    """Send due messages, and those that fall due, until none is left or ``budget_seconds`` have passed.

    It waits inside the budget for a channel's slot, a throttled update or a retry, with ``wait(seconds)``. A call
    that has begun is not broken off: the budget may be passed by the messenger's time-out. Several dispatches may
    run at the same time. Without ``wait_for_updates`` it waits only for what tells of something new: under load the
    next dispatch is seconds away, and an update can be sent by that one.
    """
    waits = _Waits(wait, for_updates=wait_for_updates)
    return _Dispatch(store, messenger, settings, clock, waits).run(timedelta(seconds=budget_seconds))


@dataclass(frozen=True, slots=True)
class _Waits:
    """How to wait (seconds), and whether for updates too."""

    wait: Callable[[float], None]
    for_updates: bool


class _Dispatch:
    """One run over the outbox, with its tally: the last outcome of each message, and the errors met."""

    def __init__(
        self,
        store: AlertStore,
        messenger: Messenger,
        settings: AlertSettings,
        clock: Clock,
        waits: _Waits,
    ) -> None:
        self._store = store
        self._messenger = messenger
        self._settings = settings
        self._clock = clock
        self._waits = waits
        self._outcomes: dict[int, str] = {}
        self._errors: dict[int, str] = {}

    def run(self, budget: timedelta) -> DispatchReport:
        deadline = self._clock() + budget
        while (now := self._clock()) < deadline:
            message = self._store.claim(now, self._settings)
            if message is not None:
                self._outcomes[message.id] = self._deliver(message)
                continue
            due = self._store.next_due(updates=self._waits.for_updates)
            if due is None or due >= deadline:
                break
            self._waits.wait(max(due - now, CONTENDED).total_seconds())
        return self._report()

    def _report(self) -> DispatchReport:
        outcomes = list(self._outcomes.values())
        report = DispatchReport(
            sent=outcomes.count("sent"),
            deferred=outcomes.count("deferred"),
            failed=outcomes.count("failed"),
            parked=outcomes.count("parked"),
            waiting=self._store.next_due() is not None,
            errors=tuple(dict.fromkeys(self._errors.values())),
        )
        log.info("dispatched %s", report)
        return report

    def _deliver(self, message: OutboxMessage) -> str:
        """Send one message and record how it went; return the outcome's name."""
        try:
            return self._send(message)
        except FencedError as error:
            log.warning("lease lost message=%d error=%s", message.id, error)
            return "deferred"

    def _send(self, message: OutboxMessage) -> str:
        try:
            reference, shown = self._to_slack(message)
        except RateLimitedError as error:
            return self._hold(message, error)
        except CaliError as error:
            return self._fail(message, error)
        self._store.mark_sent(message, reference, shown, self._clock(), self._settings)
        self._errors.pop(message.id, None)
        return "sent"

    def _to_slack(self, message: OutboxMessage) -> tuple[MessageReference, Shown | None]:
        """Edit, adopt or post the message; return where it is and what it shows for certain."""
        group = None if message.group_id is None else self._store.group(message.group_id)
        content = _content(message, group, self._settings.links)
        shown = group.shown() if group else None
        known = MessageReference(group.slack_channel, group.slack_ts) if group and group.slack_channel else None
        if message.kind is Kind.UPDATE and known is not None:
            try:
                self._messenger.update(known, content.text, content.blocks)
            except MessageGoneError as error:
                log.info("posting anew message=%d reason=%s", message.id, error)
            else:
                return known, shown
        thread = known if message.kind in REPLIES and known and known.ts else None
        if message.unresolved_since is not None:
            found = self._messenger.find(message.channel, message.message_key, message.unresolved_since, thread)
            if found is not None:
                return found, None
        reply = Reply(thread, broadcast=message.kind is Kind.CALL) if thread else None
        return self._messenger.post(message.channel, content.text, content.blocks, message.message_key, reply), shown

    def _fall_back(self, message: OutboxMessage, error: str, now: datetime) -> None:
        """Tell in the fallback channel what cannot be told where it belongs; the message itself stays parked."""
        channel = self._settings.fallback_channel
        if channel is None or message.channel == channel or message.kind in PATIENT:
            return
        group = None if message.group_id is None else self._store.group(message.group_id)
        content = render_fallback(_content(message, group, self._settings.links), message.channel, error)
        severity = group.severity if group else "ERROR"
        self._store.enqueue(Notice(f"fallback:{message.message_key}", channel, severity, content), now)

    def _hold(self, message: OutboxMessage, error: RateLimitedError) -> str:
        """Obey Retry-After for the whole channel, in every process. It is no failure, and no line at ERROR."""
        until = self._clock() + error.retry_after
        self._store.hold_channel(message.channel, until)
        self._store.release(message, str(error), until, message.unresolved_since)
        log.info("rate limited channel=%s until=%s", message.channel, until)
        return "deferred"

    def _fail(self, message: OutboxMessage, error: CaliError) -> str:
        now = self._clock()
        self._errors[message.id] = str(error)
        if error.permanent:
            self._store.park(message, str(error), now)
            self._fall_back(message, str(error), now)
            log.warning("parked message=%d channel=%s error=%s", message.id, message.channel, error)
            return "parked"
        in_doubt = message.unresolved_since
        if isinstance(error, OutcomeUnknownError):
            in_doubt = in_doubt or now
        retry_at = now + backoff(message.attempts, self._settings)
        self._store.release(message, str(error), retry_at, in_doubt)
        log.warning("not sent message=%d retry_at=%s error=%s", message.id, retry_at, error)
        return "failed"


def _content(message: OutboxMessage, group: AlertGroup | None, links: Links) -> Message:
    """Return what to send: the text that a message brings along, or its group as it is now."""
    if message.payload is not None:
        return Message(str(message.payload["text"]), message.payload["blocks"])  # type: ignore[arg-type]
    if group is None:
        raise ConfigurationError(f"Message {message.id} has neither a group nor a text: remove its row")
    return render_details(group) if message.kind is Kind.NOTE else render(group, links)
