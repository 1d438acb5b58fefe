"""What a daily report says, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from include.reports.day import Day


@dataclass(frozen=True, slots=True)
class LogCount:
    """How many events of a service and level arrived on the day, and when the first and the last one did."""

    service: str
    level: str
    records: int
    first_arrived_at: datetime
    last_arrived_at: datetime


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group of alerts that was seen on the day; ``count`` is that of its whole life."""

    severity: str
    service: str
    title: str
    count: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class DeadLetterLine:
    """Dead letters of the batches that began on the day, and how many of them were redriven since."""

    stream: str
    stage: str
    reason: str
    records: int
    redriven: int


@dataclass(frozen=True, slots=True)
class QualityLine:
    """Audits of the batches that began on the day, and the records that are quarantined."""

    stream: str
    suite: str
    passed: int
    failed: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class AttainmentLine:
    """The windows of a service level that ended on the day, as far as they are judged; ``objective`` in percent."""

    pipeline_name: str
    sla_type: str
    objective: float
    windows: int
    on_time: int
    late: int
    missed: int

    @property
    def percent(self) -> float | None:
        """How many percent of the windows were on time; None without any."""
        return 100 * self.on_time / self.windows if self.windows else None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of a day."""

    groups: Sequence[GroupLine] = ()
    dead_letters: Sequence[DeadLetterLine] = ()
    quality: Sequence[QualityLine] = ()
    attainment: Sequence[AttainmentLine] = ()


@dataclass(frozen=True, slots=True)
class DailyReport:
    """A day's logs by service and level, in that order, and what else there is to say of it."""

    day: Day
    logs: Sequence[LogCount]
    facts: Facts = field(default_factory=Facts)

    @property
    def records(self) -> int:
        """How many events arrived."""
        return sum(count.records for count in self.logs)


@dataclass(frozen=True, slots=True)
class SavedReport:
    """A row of ``cali.daily_reports``."""

    day: date
    time_zone: str
    from_at: datetime
    to_at: datetime
    records: int
    parquet_key: str
    html_key: str
    run_id: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far a stream is: drained up to an instant (None: not known), and batches that wait for a stage."""

    drained_until: datetime | None
    unfinished: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The objects that hold a day's published events, and others of the same hours.

    ``published`` is how many events the ledger counts in those hours, ``held`` how many are in the objects.
    """

    keys: Sequence[str]
    published: int
    held: int
