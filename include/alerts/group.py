"""A group of records with one fingerprint, as the store keeps it, and the decision whether to tell of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from include.alerts.event import Category, severity_rank
from include.alerts.settings import AlertSettings


class State(StrEnum):
    """A group takes records while it is open; there is at most one open group a stream and fingerprint."""

    OPEN = "open"
    CLOSED = "closed"


class Action(StrEnum):
    """What is to be told of a group; a message's kind in the outbox has the same name."""

    OPEN = "open"
    UPDATE = "update"
    NOTHING = "nothing"


class Decision(NamedTuple):
    """What to tell, why, and not before when (aware UTC)."""

    action: Action
    reason: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """A row of ``cali.alert_groups``.

    ``announced_count`` is the count that the message in Slack shows, ``announced_at`` when it was last written;
    ``slack_channel`` and ``slack_ts`` are that message (no ``slack_ts``: it cannot be edited). ``latest_…`` is the
    record that led the newest batch's increment. ``sample`` is the first record's message and stack trace.
    ``replayed`` of ``count`` came by a replay.
    """

    id: int
    stream: str
    category: Category
    fingerprint: str
    fingerprint_version: int
    severity: str
    service: str
    title: str
    state: State
    count: int
    batches: int
    first_seen: datetime
    last_seen: datetime
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    services: tuple[str, ...]
    pods: tuple[str, ...]
    versions: tuple[str, ...]
    sample: str
    batch_id: str
    run_url: str | None
    channel: str
    slack_channel: str | None
    slack_ts: str | None
    announced_count: int
    announced_at: datetime | None
    latest_shard_id: str
    latest_sequence_number: str
    latest_sub_sequence: int
    latest_arrived_at: datetime
    replayed: int = 0

    @property
    def severity_rank(self) -> int:
        """How urgent the group is, 0 the most."""
        return severity_rank(self.severity)


def decide(group: AlertGroup, now: datetime, settings: AlertSettings) -> Decision:
    """Return what is to be told of a group at ``now``.

    The reasons: ``first_sighting``, ``nothing_new``, ``within_interval`` (an update, held back until ``due_at``) and
    ``interval_passed``. A message that cannot be edited is repeated at ``repeat_interval`` instead of
    ``update_interval``.
    """
    if group.announced_at is None:
        return Decision(Action.OPEN, "first_sighting", now)
    if group.count <= group.announced_count:
        return Decision(Action.NOTHING, "nothing_new", now)
    interval = settings.update_interval if group.slack_ts else settings.repeat_interval
    due_at = group.announced_at + interval
    if due_at > now:
        return Decision(Action.UPDATE, "within_interval", due_at)
    return Decision(Action.UPDATE, "interval_passed", now)


def is_quiet(group: AlertGroup, now: datetime, settings: AlertSettings) -> bool:
    """Whether nothing was added to the group for so long that a return is a new occurrence.

    It counts from when a batch was applied, not from when its records were written: a backlog of old records is one
    occurrence, however far apart they lie.
    """
    return group.updated_at <= now - settings.quiet_after
