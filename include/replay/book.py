"""The book of replays: its Protocol and its values; ``book_postgres`` and ``book_memory`` keep it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from include.records import Checkpoint


class ReplayState(StrEnum):
    """A replay that was killed stays ``running`` until its run is tried again."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What a run asked for; instants are aware.

    Either ``from_at`` (the first record that arrived then or later) or ``from_sequence_number`` (that record itself)
    says where it begins. With ``shard_id`` only that shard and what descends from it is read. ``until`` is where it
    ends: before the first record that arrived then or later; without it, at the records that the live drain had
    reached when the replay began.
    """

    run_id: str
    from_at: datetime | None = None
    shard_id: str | None = None
    from_sequence_number: str | None = None
    until: datetime | None = None
    alerts: bool = False


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What was asked for and the stream does not hold any more.

    ``records`` is at most how many the live drain read there, by its batches: they lie in the live ``raw/``.
    ``from_at`` is None where nobody knows when the first of them arrived.
    """

    from_at: datetime | None
    until: datetime
    records: int

    def __add__(self, other: "Shortfall") -> "Shortfall":
        """Return both together, as one span."""
        known = [at for at in (self.from_at, other.from_at) if at is not None]
        return Shortfall(min(known, default=None), max(self.until, other.until), self.records + other.records)


@dataclass(frozen=True, slots=True)
class Drained:
    """What the live drain once read of a range: how many records, and when they arrived (None: there are none)."""

    records: int = 0
    first_arrived_at: datetime | None = None
    last_arrived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """A row of ``cali.replays``; ``batches`` and ``records`` count what its generation has drained."""

    stream: str
    generation: int
    request: ReplayRequest
    state: ReplayState
    batches: int
    records: int
    shortfall: Shortfall | None
    started_at: datetime
    finished_at: datetime | None = None
    last_error: str | None = None


class ReplayBook(Protocol):
    """Which replays there are. Each method is one transaction.

    A stream's replays are numbered from 1 on, and no number is given twice. A run has one replay, however often it is
    tried.
    """

    def find(self, stream: str, run_id: str) -> Replay | None:
        """Return the replay that a run has opened before, or None."""
        ...

    def open(
        self,
        stream: str,
        request: ReplayRequest,
        checkpoints: Sequence[Checkpoint],
        shortfall: Shortfall | None,
        now: datetime,
    ) -> Replay:
        """Begin a replay with a new generation at these checkpoints, or return the one that the run has opened."""
        ...

    def mark(self, replay: Replay, state: ReplayState, error: str | None, now: datetime) -> Replay:
        """Record how the replay stands, and count what it has drained; what is done stays done."""
        ...

    def skip(
        self, replay: Replay, checkpoint: Checkpoint, to: str | None, shortfall: Shortfall, now: datetime
    ) -> Replay:
        """Let a shard's reading go on at the record ``to`` (None: end), and count what is missing before it, once.

        Raises:
            FencedError: the checkpoint moved since it was read.
        """
        ...

    def drained_live(self, stream: str, shard_id: str, request: ReplayRequest, before: str | None) -> Drained:
        """Return what the live drain read of a shard in the request's range before the sequence number (None: all).

        A batch counts as a whole when its end lies before, so the records are at most so many.
        """
        ...
