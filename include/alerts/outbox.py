"""Messages that must reach Slack, as the store keeps them until they are sent, and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from include.adapters.slack import Blocks
from include.alerts.settings import AlertSettings


class Delivery(StrEnum):
    """How far a message is.

    ::

        pending ──claim──► sending ──► sent
           ▲                  │
           ├──release─────────┤
           └──revive── parked ◄

    A message that nobody needs any more before it was sent is ``withdrawn``.
    """

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    PARKED = "parked"
    WITHDRAWN = "withdrawn"


WAITING = frozenset({Delivery.PENDING, Delivery.SENDING})
DONE = frozenset({Delivery.SENT, Delivery.WITHDRAWN})


class Kind(StrEnum):
    """What a message does.

    ``open`` posts a group's message and ``update`` edits it; ``note`` is a reply in that message's thread, and ``call``
    one that the channel sees too; ``notice`` posts a text that belongs to no group.
    """

    OPEN = "open"
    UPDATE = "update"
    NOTE = "note"
    CALL = "call"
    NOTICE = "notice"


PATIENT = frozenset({Kind.UPDATE, Kind.NOTE})
"""Kinds that leave a channel's time to what is new, and that a dispatch in a hurry does not wait for."""
REPLIES = frozenset({Kind.NOTE, Kind.CALL})
"""Kinds that stand in the thread of their group's message, in the order in which they came about."""


@dataclass(frozen=True, slots=True)
class Message:
    """What Slack is given: ``blocks`` in Block Kit, and ``text`` for notifications and for readers without blocks."""

    text: str
    blocks: Blocks


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that belongs to no group, such as a missed service level; one of a ``dedup_key`` waits at a time."""

    dedup_key: str
    channel: str
    severity: str
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """A row of ``cali.alert_outbox``.

    ``attempts`` counts the claims and is the newest one's fencing token. ``message_key`` goes to Slack with the
    message, so that it can be found there. ``unresolved_since`` is set when an earlier attempt may or may not have
    reached Slack: look for it before sending again. ``cause_…`` is the record that made this message.
    """

    id: int
    group_id: int | None
    kind: Kind
    channel: str
    severity_rank: int
    dedup_key: str
    message_key: str
    payload: Mapping[str, object] | None
    cause_shard_id: str | None
    cause_sequence_number: str | None
    cause_sub_sequence: int | None
    cause_arrived_at: datetime | None
    state: Delivery
    attempts: int
    next_attempt_at: datetime
    lease_until: datetime | None
    unresolved_since: datetime | None
    last_error: str | None
    created_at: datetime
    sent_at: datetime | None
    accepted_channel: str | None
    accepted_ts: str | None


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What a batch did to the store; ``applied`` is false when it had been applied before and nothing changed."""

    applied: bool
    groups: int = 0
    records: int = 0
    opened: int = 0
    updates: int = 0


def backoff(attempts: int, settings: AlertSettings) -> timedelta:
    """Return how long to wait after the n-th failed attempt (n from 1): doubled each time, up to the ceiling."""
    doublings = min(max(attempts - 1, 0), 30)
    return min(settings.backoff_first * (1 << doublings), settings.backoff_ceiling)
