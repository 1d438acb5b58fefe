"""Groups and their messages in memory: the twin of ``include.alerts.store`` for tests of everything above it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from include.adapters.slack import MessageReference
from include.alerts.acknowledging import Wanted, acknowledge
from include.alerts.event import HOLDERS, Category
from include.alerts.fingerprint import VERSION, OpenGroups
from include.alerts.group import AlertGroup, Shown, State
from include.alerts.grouping import GroupIncrement
from include.alerts.growth import Batch, Change
from include.alerts.lifecycle import Transition, is_quiet
from include.alerts.mutes import By, InMemoryMutes
from include.alerts.outbox import DONE, PATIENT, REPLIES, WAITING, ApplyReport, Delivery, Kind, Notice, OutboxMessage
from include.alerts.plan import sweep, take
from include.alerts.rows import Row, message_of, notice_row
from include.alerts.settings import AlertSettings
from include.alerts.telling import details_row, rows_to_tell
from include.errors import FencedError

_FRESH_MESSAGE = {
    "state": Delivery.PENDING,
    "attempts": 0,
    "lease_until": None,
    "unresolved_since": None,
    "last_error": None,
    "sent_at": None,
    "accepted_channel": None,
    "accepted_ts": None,
}


class InMemoryAlertStore:
    """An ``AlertStore`` for one thread, which forgets everything at the end of the process."""

    def __init__(self) -> None:
        self._groups: dict[int, AlertGroup] = {}
        self._messages: dict[int, OutboxMessage] = {}
        self._batches: set[tuple[str, str]] = set()
        self._transitions: list[tuple[int, Transition]] = []
        self.mutes = InMemoryMutes()
        self._next_send_at: dict[str, datetime] = {}
        self._next_update_at: dict[str, datetime] = {}

    def apply(
        self,
        batch_id: str,
        increments: Sequence[GroupIncrement],
        now: datetime,
        run_url: str | None,
        settings: AlertSettings,
    ) -> ApplyReport:
        """Add a batch's increments to their groups and put what is to be told into the outbox."""
        added = [increment for increment in increments if (batch_id, increment.category) not in self._batches]
        if increments and not added:
            return ApplyReport(applied=False)
        self._batches |= {(batch_id, increment.category) for increment in added}
        scene = self.mutes.scene(self.groups(), now, settings)
        changes = take(self._touched(added, now, settings), Batch(batch_id, run_url, added), scene, now, settings)
        told = self._keep(changes, now, settings)
        return ApplyReport(
            applied=True,
            groups=len(added),
            records=sum(increment.count for increment in added),
            opened=told.count(Kind.OPEN),
            updates=told.count(Kind.UPDATE),
        )

    def former(self, now: datetime, settings: AlertSettings) -> OpenGroups:
        """Return the groups of former versions that are not quiet yet."""
        known = [group for group in self._groups.values() if group.fingerprint_version < VERSION]
        still_open = [g for g in known if g.state is not State.RESOLVED and not is_quiet(g, now, settings)]
        return frozenset((group.stream, group.fingerprint) for group in still_open)

    def enqueue(self, notice: Notice, now: datetime) -> bool:
        """Put a notice into the outbox, unless one of its key waits there."""
        return self._put(notice_row(notice, now))

    def settle(self, now: datetime, settings: AlertSettings) -> int:
        """Take every group whose time has come to its next state, and see to what is held back."""
        changes = sweep(self._swept(now, settings), self.mutes.scene(self.groups(), now, settings), now, settings)
        self._keep(changes, now, settings)
        return sum(bool(change.transitions) for change in changes)

    def acknowledge(self, wanted: Wanted, by: By, now: datetime, settings: AlertSettings) -> list[int]:
        """Note who is at the open groups that are meant."""
        changes = acknowledge(self.groups(), wanted, by, now)
        self._keep(changes, now, settings)
        return [change.group.id for change in changes]

    def claim(self, now: datetime, settings: AlertSettings) -> OutboxMessage | None:
        """Take the next message and its channel's slot."""
        messages = self._messages.values()
        due = [message for message in messages if self._due_at(message, now) <= now and not self._is_behind(message)]
        if not due:
            return None
        message = min(due, key=lambda m: (m.kind in PATIENT, m.severity_rank, m.created_at, m.id))
        self._next_send_at[message.channel] = now + settings.pace
        self._next_update_at[message.channel] = now + settings.update_pace
        claimed = replace(
            message, state=Delivery.SENDING, attempts=message.attempts + 1, lease_until=now + settings.lease
        )
        self._messages[message.id] = replace(claimed, unresolved_since=message.unresolved_since or now)
        return claimed

    def next_due(self, *, updates: bool = True) -> datetime | None:
        """Return when the next message can be claimed."""
        counted = [m for m in self._messages.values() if updates or m.kind not in PATIENT]
        waiting = [m for m in counted if m.state in WAITING and not self._is_behind(m)]
        return min((self._due_at(message, message.created_at) for message in waiting), default=None)

    def group(self, group_id: int) -> AlertGroup:
        """Return a group as it is now."""
        return self._groups[group_id]

    def mark_sent(
        self,
        message: OutboxMessage,
        reference: MessageReference,
        shown: Shown | None,
        now: datetime,
        settings: AlertSettings,
    ) -> None:
        """Record that Slack has the message; queue an update if the count has moved on."""
        self._finish(
            message,
            {
                "state": Delivery.SENT,
                "sent_at": now,
                "unresolved_since": None,
                "last_error": None,
                "accepted_channel": reference.channel,
                "accepted_ts": reference.ts,
            },
        )
        if message.group_id is None or message.kind in REPLIES:
            return
        group = self._groups[message.group_id]
        announced = replace(
            group,
            slack_channel=reference.channel,
            slack_ts=reference.ts,
            announced_at=now,
            announced_count=max(group.announced_count, shown.count if shown else 0),
            announced_looks=shown.looks if shown else group.announced_looks,
        )
        self._groups[group.id] = announced
        details = details_row(announced, now) if message.kind is Kind.OPEN else None
        self._put_all([*rows_to_tell(announced, (), now, settings), *([details] if details else [])])

    def release(
        self, message: OutboxMessage, error: str, retry_at: datetime, unresolved_since: datetime | None
    ) -> None:
        """Give a message back."""
        self._finish(
            message,
            {
                "state": Delivery.PENDING,
                "last_error": error,
                "next_attempt_at": retry_at,
                "unresolved_since": unresolved_since,
            },
        )

    def park(self, message: OutboxMessage, error: str, now: datetime) -> None:
        """Put a message aside."""
        self._finish(
            message,
            {
                "state": Delivery.PARKED,
                "last_error": error,
                "next_attempt_at": now,
                "unresolved_since": message.unresolved_since,
            },
        )

    def revive(self, now: datetime, channel: str | None = None) -> int:
        """Make parked messages due again."""
        parked = [m for m in self._messages.values() if m.state is Delivery.PARKED and channel in {None, m.channel}]
        for message in parked:
            self._messages[message.id] = replace(message, state=Delivery.PENDING, next_attempt_at=now)
        return len(parked)

    def hold_channel(self, channel: str, until: datetime) -> None:
        """Let no sender claim a message of the channel before ``until``."""
        self._next_send_at[channel] = max(until, self._next_send_at.get(channel, until))

    def groups(self) -> list[AlertGroup]:
        """Return every group, oldest first."""
        return list(self._groups.values())

    def transitions(self, group_id: int) -> list[Transition]:
        """Return a group's transitions, oldest first."""
        return [moved for of, moved in self._transitions if of == group_id]

    def messages(self) -> list[OutboxMessage]:
        """Return every message of the outbox, oldest first."""
        return list(self._messages.values())

    def _touched(self, added: Sequence[GroupIncrement], now: datetime, settings: AlertSettings) -> list[AlertGroup]:
        """Return what ``alert_groups_touched.sql`` reads."""
        keys = {(increment.stream, increment.fingerprint.value) for increment in added}
        return [
            group
            for group in self.groups()
            if (group.stream, group.fingerprint) in keys
            or (group.state is not State.RESOLVED and group.category not in HOLDERS and is_quiet(group, now, settings))
            or (group.announced_at is None and group.opened_at > now - settings.storm_window)
            or group.category is Category.STORM
        ]

    def _swept(self, now: datetime, settings: AlertSettings) -> list[AlertGroup]:
        """Return what ``alert_groups_swept.sql`` reads."""
        muted = self.mutes.any(now)
        return [
            group
            for group in self.groups()
            if (
                group.state is not State.RESOLVED
                and (
                    muted
                    or group.state is State.ESCALATING
                    or group.category in HOLDERS
                    or is_quiet(group, now, settings)
                )
            )
            or group.held_by
            or group.holding
            or group.acknowledged_by
            or "acknowledged by" in group.announced_looks
            or group.category is Category.STORM
        ]

    def _keep(self, changes: Sequence[Change], now: datetime, settings: AlertSettings) -> list[Kind]:
        told: list[Row] = []
        for change in changes:
            group = replace(change.group, id=change.group.id or len(self._groups) + 1)
            self._groups[group.id] = group
            if change.withdrawn:
                self._withdraw(group.id)
            self._transitions += [(group.id, moved) for moved in change.transitions]
            told += rows_to_tell(group, change.transitions, now, settings)
        return self._put_all(told)

    def _withdraw(self, group_id: int) -> None:
        reason = "resolved before anybody had to be told"
        for message in self.messages():
            waits = message.state in {Delivery.PENDING, Delivery.PARKED}
            if message.group_id == group_id and message.kind is Kind.OPEN and waits:
                self._messages[message.id] = replace(message, state=Delivery.WITHDRAWN, last_error=reason)

    def _put_all(self, rows: Sequence[Row]) -> list[Kind]:
        return [row["kind"] for row in rows if self._put(row)]

    def _put(self, row: Row) -> bool:
        waiting = {m.dedup_key: m for m in self._messages.values() if m.state not in DONE}
        known = waiting.get(row["dedup_key"])
        if known is not None:
            sooner = known.state is Delivery.PENDING and not known.attempts and row["due_at"] < known.next_attempt_at
            if sooner:
                self._messages[known.id] = replace(known, next_attempt_at=row["due_at"])
            return sooner
        added = {"id": len(self._messages) + 1, "created_at": row["now"], "next_attempt_at": row["due_at"]}
        message = message_of(row | _FRESH_MESSAGE | added)
        self._messages[message.id] = message
        return True

    def _is_behind(self, message: OutboxMessage) -> bool:
        """Whether a message is held back, or a reply that has to wait for one before it in its thread."""
        group = self._groups.get(message.group_id or 0)
        if group and group.held_by and (message.kind is Kind.OPEN or group.slack_ts is None):
            return True
        return message.kind in REPLIES and any(
            earlier.group_id == message.group_id and earlier.id < message.id
            for earlier in self._messages.values()
            if earlier.kind in REPLIES and earlier.state in WAITING
        )

    def _due_at(self, message: OutboxMessage, earliest: datetime) -> datetime:
        """Return when the message can be claimed; never, when it is sent or parked."""
        if message.state is Delivery.PENDING:
            at = message.next_attempt_at
        elif message.state is Delivery.SENDING and message.lease_until:
            at = message.lease_until
        else:
            return datetime.max.replace(tzinfo=earliest.tzinfo)
        at = max(at, self._next_send_at.get(message.channel, at))
        return max(at, self._next_update_at.get(message.channel, at)) if message.kind in PATIENT else at

    def _finish(self, message: OutboxMessage, outcome: Row) -> None:
        known = self._messages[message.id]
        if (known.state, known.attempts) != (Delivery.SENDING, message.attempts):
            raise FencedError(f"Another sender has claimed message {message.id} since; this one changes nothing")
        self._messages[message.id] = replace(known, lease_until=None, **outcome)
