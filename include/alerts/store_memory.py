"""Groups and their messages in memory: the twin of ``include.alerts.store`` for tests of everything above it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from include.adapters.slack import MessageReference
from include.alerts.fingerprint import VERSION, OpenGroups
from include.alerts.group import Action, AlertGroup, State, decide, is_quiet
from include.alerts.grouping import MOST_NAMES, GroupIncrement
from include.alerts.outbox import ApplyReport, Delivery, Kind, Notice, OutboxMessage
from include.alerts.rows import Row, group_of, group_row, message_of, message_row, notice_row
from include.alerts.settings import AlertSettings
from include.errors import FencedError

_FRESH_GROUP = {
    "state": State.OPEN,
    "batches": 1,
    "closed_at": None,
    "slack_channel": None,
    "slack_ts": None,
    "announced_count": 0,
    "announced_at": None,
}
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
        self.close_quiet(now, settings)
        groups = [self._add(group_row(batch_id, increment, now, run_url, settings)) for increment in added]
        told = [kind for group in groups for kind in self._announce(group, now, settings)]
        return ApplyReport(
            applied=True,
            groups=len(groups),
            records=sum(increment.count for increment in added),
            opened=told.count(Kind.OPEN),
            updates=told.count(Kind.UPDATE),
        )

    def former(self, now: datetime, settings: AlertSettings) -> OpenGroups:
        """Return the groups of former versions that are not quiet yet."""
        known = [group for group in self._groups.values() if group.fingerprint_version < VERSION]
        still_open = [g for g in known if g.state is State.OPEN and not is_quiet(g, now, settings)]
        return frozenset((group.stream, group.fingerprint) for group in still_open)

    def enqueue(self, notice: Notice, now: datetime) -> bool:
        """Put a notice into the outbox, unless one of its key waits there."""
        return self._put(notice_row(notice, now))

    def close_quiet(self, now: datetime, settings: AlertSettings) -> int:
        """Close the quiet groups."""
        quiet = [g for g in self._groups.values() if g.state is State.OPEN and is_quiet(g, now, settings)]
        for group in quiet:
            self._groups[group.id] = replace(group, state=State.CLOSED, closed_at=now)
        return len(quiet)

    def claim(self, now: datetime, settings: AlertSettings) -> OutboxMessage | None:
        """Take the next message and its channel's slot."""
        due = [message for message in self._messages.values() if self._due_at(message, now) <= now]
        if not due:
            return None
        message = min(due, key=lambda m: (m.kind is Kind.UPDATE, m.severity_rank, m.created_at, m.id))
        self._next_send_at[message.channel] = now + settings.pace
        self._next_update_at[message.channel] = now + settings.update_pace
        claimed = replace(
            message, state=Delivery.SENDING, attempts=message.attempts + 1, lease_until=now + settings.lease
        )
        self._messages[message.id] = replace(claimed, unresolved_since=message.unresolved_since or now)
        return claimed

    def next_due(self, *, updates: bool = True) -> datetime | None:
        """Return when the next message can be claimed."""
        counted = [m for m in self._messages.values() if updates or m.kind is not Kind.UPDATE]
        waiting = [m for m in counted if m.state in {Delivery.PENDING, Delivery.SENDING}]
        return min((self._due_at(message, message.created_at) for message in waiting), default=None)

    def group(self, group_id: int) -> AlertGroup:
        """Return a group as it is now."""
        return self._groups[group_id]

    def mark_sent(
        self,
        message: OutboxMessage,
        reference: MessageReference,
        announced_count: int,
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
        if message.group_id is None:
            return
        group = self._groups[message.group_id]
        announced = replace(
            group,
            slack_channel=reference.channel,
            slack_ts=reference.ts,
            announced_at=now,
            announced_count=max(group.announced_count, announced_count),
        )
        self._groups[group.id] = announced
        self._announce(announced, now, settings)

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

    def messages(self) -> list[OutboxMessage]:
        """Return every message of the outbox, oldest first."""
        return list(self._messages.values())

    def _add(self, row: Row) -> AlertGroup:
        fresh = group_of(
            row | _FRESH_GROUP | {"id": len(self._groups) + 1, "opened_at": row["now"], "updated_at": row["now"]}
        )
        key = (fresh.stream, fresh.fingerprint)
        of_key = [g for g in self._groups.values() if g.state is State.OPEN and (g.stream, g.fingerprint) == key]
        group = _merged(of_key[0], fresh) if of_key else fresh
        self._groups[group.id] = group
        return group

    def _announce(self, group: AlertGroup, now: datetime, settings: AlertSettings) -> list[Kind]:
        decision = decide(group, now, settings)
        if decision.action is Action.NOTHING:
            return []
        row = message_row(group, decision, now)
        return [row["kind"]] if self._put(row) else []

    def _put(self, row: Row) -> bool:
        waiting = {m.dedup_key for m in self._messages.values() if m.state is not Delivery.SENT}
        if row["dedup_key"] in waiting:
            return False
        added = {"id": len(self._messages) + 1, "created_at": row["now"], "next_attempt_at": row["due_at"]}
        message = message_of(row | _FRESH_MESSAGE | added)
        self._messages[message.id] = message
        return True

    def _due_at(self, message: OutboxMessage, earliest: datetime) -> datetime:
        """Return when the message can be claimed; never, when it is sent or parked."""
        if message.state is Delivery.PENDING:
            at = message.next_attempt_at
        elif message.state is Delivery.SENDING and message.lease_until:
            at = message.lease_until
        else:
            return datetime.max.replace(tzinfo=earliest.tzinfo)
        at = max(at, self._next_send_at.get(message.channel, at))
        return max(at, self._next_update_at.get(message.channel, at)) if message.kind is Kind.UPDATE else at

    def _finish(self, message: OutboxMessage, outcome: Row) -> None:
        known = self._messages[message.id]
        if (known.state, known.attempts) != (Delivery.SENDING, message.attempts):
            raise FencedError(f"Another sender has claimed message {message.id} since; this one changes nothing")
        self._messages[message.id] = replace(known, lease_until=None, **outcome)


def _merged(known: AlertGroup, fresh: AlertGroup) -> AlertGroup:
    """Return the group with another batch's increment added, as ``alert_group_add.sql`` does it."""
    return replace(
        known,
        severity=min(known, fresh, key=lambda group: group.severity_rank).severity,
        count=known.count + fresh.count,
        replayed=known.replayed + fresh.replayed,
        batches=known.batches + 1,
        first_seen=min(known.first_seen, fresh.first_seen),
        last_seen=max(known.last_seen, fresh.last_seen),
        updated_at=max(known.updated_at, fresh.updated_at),
        services=_joined(known.services, fresh.services),
        pods=_joined(known.pods, fresh.pods),
        versions=_joined(known.versions, fresh.versions),
        batch_id=fresh.batch_id,
        run_url=fresh.run_url,
        latest_shard_id=fresh.latest_shard_id,
        latest_sequence_number=fresh.latest_sequence_number,
        latest_sub_sequence=fresh.latest_sub_sequence,
        latest_arrived_at=fresh.latest_arrived_at,
    )


def _joined(known: tuple[str, ...], fresh: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*known, *fresh})[:MOST_NAMES])
