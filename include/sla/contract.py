"""The values of service-level governance, and the recorder's Protocol; ``postgres`` and ``memory`` keep it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class SlaType(StrEnum):
    """How a definition cuts time into windows."""

    REALTIME = "realtime"
    HOURLY = "hourly"
    DAILY = "daily"


class Verdict(StrEnum):
    """How a window ended."""

    ON_TIME = "on_time"
    LATE = "late"
    MISSED = "missed"
    UNKNOWN = "unknown"
    EXCUSED = "excused"


COMPLETED_SINCE = "completed since"
"""Why a missed window's verdict does not last, where nobody says anything else."""

VIOLATIONS = frozenset({Verdict.LATE, Verdict.MISSED})
"""The verdicts that spend of the error budget."""


@dataclass(frozen=True, slots=True)
class DefinitionVersion:
    """A definition as it read from ``valid_from`` on and before ``valid_to`` (None: still); instants are aware.

    ``deadline_minutes`` is a realtime window's width; for the others it is counted from the end of the window.
    Within ``grace_minutes`` after a window was due its completion is still on time. ``time_zone`` is an IANA name.
    """

    definition_id: int
    version: int
    pipeline_name: str
    sla_type: SlaType
    deadline_minutes: int
    valid_from: datetime
    valid_to: datetime | None = None
    enabled: bool = True
    time_zone: str = "UTC"
    grace_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, from ``start`` on and before ``end``, that a definition expects a completion for.

    A completion is the window's when its data reach ``reach`` and, unless that is None, begin at ``since`` or
    earlier. It is on time up to ``limit``, which is ``due`` and the grace.
    """

    definition_id: int
    version: int
    pipeline_name: str
    start: datetime
    end: datetime
    due: datetime
    limit: datetime
    reach: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A run of a pipeline that ended well at ``completed_at``, by the clock and never by the data.

    ``covers_to`` is up to when everything that arrived is in its result; ``covers_from`` since when (None: since ever).

    Raises:
        ValueError: the data reach past the completion, or end before they begin.
    """

    pipeline_name: str
    run_id: str
    completed_at: datetime
    covers_to: datetime
    covers_from: datetime | None = None

    def __post_init__(self) -> None:
        if self.covers_to > self.completed_at or (self.covers_from and self.covers_from > self.covers_to):
            raise ValueError(f"{self.run_id} cannot cover {self.covers_from} to {self.covers_to}: see its completion")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a window, why, and how many minutes after it was due (None: not completed, or not late)."""

    window: Window
    verdict: Verdict
    reason: str
    completed_at: datetime | None = None
    minutes_late: float | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A span in which a miss is excused, of one pipeline or (None) of all; a row of ``cali.sla_maintenance``."""

    starts_at: datetime
    ends_at: datetime
    reason: str
    announced_by: str
    pipeline_name: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedVerdict:
    """A row of ``cali.sla_verdicts``, or of ``cali.sla_verdict_corrections``: then it says when and why it went."""

    definition_id: int
    version: int
    window_start: datetime
    window_end: datetime
    verdict: Verdict
    reason: str
    decided_at: datetime
    replaced_at: datetime | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """A window that was not completed in time; ``completed_at`` and ``recovered_at`` are None until it is.

    ``notified_at`` is when people were told, ``acknowledged_at`` when the first of them said that they know.
    """

    definition_id: int
    window_start: datetime
    due_at: datetime
    detected_at: datetime
    cause: str
    completed_at: datetime | None = None
    minutes_late: float | None = None
    recovered_at: datetime | None = None
    notified_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None


class Recorder(Protocol):
    """What was promised, what completed, and what was decided. Each method is one transaction.

    A window of a definition has one verdict, however often and by however many it is recorded.
    """

    def definitions(self) -> Mapping[int, Sequence[DefinitionVersion]]:
        """Return every definition's versions in their order, those of deleted definitions included."""
        ...

    def log(self, completion: Completion) -> None:
        """Write a completion down; a run's completion up to the same instant is written once, as it was first told."""
        ...

    def known_since(self, now: datetime) -> datetime:
        """Return since when no completion is missing in the log: since ``now``, where nobody has asked before."""
        ...

    def first_completion(self, window: Window, now: datetime) -> datetime | None:
        """Return when a window was first completed, up to ``now``."""
        ...

    def judged_until(self, definition_id: int) -> datetime | None:
        """Return the end of the definition's newest window that has a verdict."""
        ...

    def record(self, judgement: Judgement, now: datetime) -> bool:
        """Write a verdict, with the violation where it is one; return whether there was none before."""
        ...

    def belated(self, now: datetime, most: int) -> Sequence[tuple[Window, datetime]]:
        """Return missed windows that were completed up to ``now``, with when, the oldest first, at most so many."""
        ...

    def correct(
        self,
        judgement: Judgement,
        now: datetime,
        was: Verdict = Verdict.MISSED,
        because: str = COMPLETED_SINCE,
    ) -> bool:
        """Put a verdict in another one's place and keep the old one; return whether this call did it.

        A window that is no violation any more loses its row there. One that is new to the violations counts as told:
        nobody is called today for what a look back has found.
        """
        ...

    def maintenance(self) -> Sequence[Maintenance]:
        """Return every span of maintenance in the order in which they begin."""
        ...

    def announce(self, maintenance: Maintenance, now: datetime) -> None:
        """Write a span of maintenance down."""
        ...

    def verdicts(self, definition_id: int) -> Sequence[RecordedVerdict]:
        """Return a definition's verdicts in the order of the windows."""
        ...

    def corrections(self, definition_id: int) -> Sequence[RecordedVerdict]:
        """Return the verdicts that were replaced, in the order of the windows."""
        ...

    def violations(self, definition_id: int) -> Sequence[Violation]:
        """Return a definition's violations in the order of the windows."""
        ...

    def acknowledge(self, definition_id: int, window_start: datetime | None, by: str, now: datetime) -> int:
        """Note who has seen a violation, or (None) all of the definition; return how many nobody had before."""
        ...
