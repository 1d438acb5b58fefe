"""What a store of redrives promises, and its values; ``postgres`` and ``memory`` keep it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from include.records import MicroBatch

MOST_SAMPLES = 10


class State(StrEnum):
    """How a redrive stands; every state but ``running`` is an end, and a retry takes up all but ``done``."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Identity(NamedTuple):
    """Which dead letter of a batch."""

    sequence_number: str
    sub_sequence: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters to redrive; None means all of them.

    The times select whole source batches: those with a record that arrived from ``arrived_from`` on and before
    ``arrived_before``.
    """

    stream: str
    reason: str | None = None
    batch_id: str | None = None
    arrived_from: datetime | None = None
    arrived_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """The records of a batch that are still dead for one reason, and how many redrives in a row fixed none of them."""

    stage: str
    reason: str
    records: int
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A batch with open dead letters that were selected."""

    batch_id: str
    shard_id: str
    raw_key: str
    dlq_key: str
    drained_at: datetime
    groups: tuple[LetterGroup, ...]


@dataclass(frozen=True, slots=True)
class Retrial:
    """How many records of a group were judged again, and which of them the present model takes."""

    stage: str
    reason: str
    considered: int
    fixed: tuple[Identity, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A record that stays bad: where it is, what was wrong with it and what is wrong now. Never its bytes."""

    batch_id: str
    sequence_number: str
    sub_sequence: int
    reason: str
    now: str
    message: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What a redrive found; all figures are dead letters.

    Attributes:
        considered: judged again; ``fixed`` and ``still_bad`` add up to it.
        fixed: taken by the present model, and moved unless it is a dry run.
        still_bad: refused again.
        skipped: not judged, because redrives in a row had fixed none of their group.
        reasons: for each reason, how many were considered and how many of them fixed.
        samples: some of those that stay bad.
    """

    considered: int = 0
    fixed: int = 0
    still_bad: int = 0
    skipped: int = 0
    reasons: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()

    def with_source(self, retrials: Sequence[Retrial], skipped: int, samples: Sequence[Sample]) -> "Tally":
        """Return the tally with one more source batch in it."""
        considered = sum(retrial.considered for retrial in retrials)
        fixed = sum(len(retrial.fixed) for retrial in retrials)
        reasons = dict(self.reasons)
        for retrial in retrials:
            before = reasons.get(retrial.reason, (0, 0))
            reasons[retrial.reason] = (before[0] + retrial.considered, before[1] + len(retrial.fixed))
        return Tally(
            considered=self.considered + considered,
            fixed=self.fixed + fixed,
            still_bad=self.still_bad + considered - fixed,
            skipped=self.skipped + skipped,
            reasons=reasons,
            samples=(*self.samples, *samples)[:MOST_SAMPLES],
        )


class Place(NamedTuple):
    """A source batch's place in the order of a redrive: oldest drained first."""

    drained_at: datetime
    batch_id: str


@dataclass(frozen=True, slots=True)
class Redrive:
    """One redrive as the store holds it; ``token`` proves that no retry of its run has begun since."""

    redrive_id: int
    run_id: str
    selection: Selection
    dry_run: bool
    token: int
    started_at: datetime
    after: Place | None = None
    tally: Tally = field(default_factory=Tally)


class RedriveStore(Protocol):
    """Each method is one transaction.

    A dead letter is moved into a batch at most once, whoever tries and however often: the loser gets a ``FencedError``
    and has changed nothing. Groups that an operator ``discarded`` are never offered.
    """

    def begin(self, selection: Selection, run_id: str, now: datetime, *, dry_run: bool) -> Redrive:
        """Return the run's redrive: a new one, or where an unfinished try of it was left.

        A run whose redrive is done begins anew. Other redrives of the stream that still look as if they ran are
        cancelled: their runs are dead, and could record nothing any more.
        """
        ...

    def next_source(self, redrive: Redrive) -> Source | None:
        """Return the next batch with open, selected dead letters, or None.

        Only batches of the live generation that were drained before the redrive began, behind ``redrive.after``.
        """
        ...

    def moved(self, batch_id: str) -> set[Identity]:
        """Return which dead letters of a batch are in another batch already."""
        ...

    def record(self, redrive: Redrive, retrials: Sequence[Retrial], batch: MicroBatch | None, now: datetime) -> None:
        """Write down that the source batch ``redrive.after`` is done with, and the redrive's tally.

        Unless it is a dry run: open ``batch`` with the fixed records, mark them as moved, and count the attempt on
        each group.

        Raises:
            FencedError: the run was tried again or cancelled, a letter was moved, or a group discarded meanwhile.
        """
        ...

    def finish(self, redrive: Redrive, state: State, now: datetime) -> None:
        """Write down how the redrive ended; nothing happens when a newer try has begun."""
        ...

    def open_reasons(self, stream: str) -> dict[str, int]:
        """Return how many dead letters of a stream are open, by reason."""
        ...
