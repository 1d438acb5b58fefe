"""A group of records with one fingerprint, as the store keeps it, and the decision whether to tell of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from include.alerts.event import Category, severity_rank
from include.alerts.rates import Trend
from include.alerts.settings import AlertSettings

NO_TREND = Trend()


class State(StrEnum):
    """Where a group is in its life; ``include.alerts.lifecycle`` says what leads from one to the next."""

    NEW = "new"
    ONGOING = "ongoing"
    ESCALATING = "escalating"
    RESOLVED = "resolved"
    REGRESSED = "regressed"


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


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message in Slack shows of its group: the count, and ``AlertGroup.looks``."""

    count: int
    looks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """A row of ``cali.alert_groups``; there is one for each stream and fingerprint.

    ``announced_count`` and ``announced_looks`` are what the message in Slack shows, ``announced_at`` when it was last
    written; ``slack_channel`` and ``slack_ts`` are that message (no ``slack_ts``: it cannot be edited). ``latest_…`` is
    the record that led the newest batch's increment. ``sample`` is the first record's message and stack trace.
    ``replayed`` of ``count`` came by a replay. ``said`` are the words of the newest transition. ``closed_at`` is when
    the group was resolved, ``reopened_at`` when it came back for the last time, ``occurrences`` how often it opened.
    ``rate_bound`` (records a minute) is what an escalating group is over. ``held_by`` names what keeps its message back
    since ``held_since`` (``include.alerts.holding``), ``held_why`` says so in words; ``first_held_at`` stays when it is
    let go. ``holding`` says what it keeps back of others.
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
    said: str = ""
    reopened_at: datetime | None = None
    occurrences: int = 1
    rate_bound: float | None = None
    trend: Trend = NO_TREND
    announced_looks: str = "new"
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_why: str | None = None
    held_by: str | None = None
    held_why: str | None = None
    held_since: datetime | None = None
    first_held_at: datetime | None = None
    holding: str = ""

    @property
    def severity_rank(self) -> int:
        """How urgent the group is, 0 the most."""
        return severity_rank(self.severity)

    @property
    def looks(self) -> str:
        """What a message shows beside the count and is worth an edit at once; growing old is not."""
        state = State.NEW if self.state is State.ONGOING else self.state
        notes = (f"acknowledged by {self.acknowledged_by}" if self.acknowledged_by else "", self.held_why, self.holding)
        return ", ".join([state, *(note for note in notes if note)])

    def shown(self) -> Shown:
        """Return what a message that is written now shows."""
        return Shown(self.count, self.looks)


def decide(group: AlertGroup, now: datetime, settings: AlertSettings) -> Decision:
    """Return what is to be told of a group at ``now``.

    The reasons: ``first_sighting``, ``resolved_untold``, ``looks_different`` (another state, or somebody is at it),
    ``nothing_new``, ``within_interval`` (an update, held back until ``due_at``) and ``interval_passed``. A message that
    cannot be edited is repeated at ``repeat_interval`` instead of ``update_interval``.
    """
    if group.announced_at is None:
        # What was over before anybody was told of it needs no message any more.
        over = group.state is State.RESOLVED
        return (
            Decision(Action.NOTHING, "resolved_untold", now) if over else Decision(Action.OPEN, "first_sighting", now)
        )
    if group.looks != group.announced_looks:
        return Decision(Action.UPDATE, "looks_different", now)
    if group.count <= group.announced_count:
        return Decision(Action.NOTHING, "nothing_new", now)
    interval = settings.update_interval if group.slack_ts else settings.repeat_interval
    due_at = group.announced_at + interval
    if due_at > now:
        return Decision(Action.UPDATE, "within_interval", due_at)
    return Decision(Action.UPDATE, "interval_passed", now)
