"""The ledger's Protocol and its values; ``postgres`` and ``memory`` keep it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from include.errors import ConservationError
from include.records import Checkpoint, Gap, MicroBatch, Shard


class Stage(StrEnum):
    """A step that every batch takes once; ``alert`` and ``audit`` follow ``validate`` side by side."""

    VALIDATE = "validate"
    ALERT = "alert"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Advance:
    """A checkpoint's step forward: from the version that was read, to a sequence number, or to the shard's end.

    ``gap`` is what the step passes over. ``rewound`` says that the old sequence number means nothing to the stream:
    the step began at the shard's oldest record, and opens a checkpoint that was closed. ``shard_start`` says which
    shard of that id it was.
    """

    stream: str
    shard_id: str
    expected_version: int
    sequence_number: str | None
    closed: bool
    last_arrived_at: datetime | None
    caught_up_at: datetime | None = None
    gap: Gap | None = None
    rewound: bool = False
    shard_start: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One stage of one batch, held until ``lease`` ends; ``token`` proves that nobody claimed it since.

    ``alerts`` is false for the batch of a replay that was not asked for alerts: it is counted, and nobody is told.
    """

    batch_id: str
    stream: str
    shard_id: str
    stage: Stage
    token: int
    records: int
    valid: int | None
    raw_key: str
    staged_key: str | None
    first_arrived_at: datetime
    last_arrived_at: datetime
    generation: int = 0
    alerts: bool = True

    def require_staged_key(self) -> str:
        """Return where the validated records lie.

        Raises:
            ConservationError: the batch was never validated, so nobody should have opened this stage.
        """
        if self.staged_key is None:
            raise ConservationError(f"Batch {self.batch_id} has stage {self.stage} open but nothing staged")
        return self.staged_key


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """The records of a batch that one stage refused for one reason."""

    stage: str
    reason: str
    records: int
    sample: str


@dataclass(frozen=True, slots=True)
class Validated:
    """What validation made of a batch: ``valid`` and the dead letters add up to the batch's records."""

    valid: int
    staged_key: str | None
    dlq_key: str | None
    dead_letters: Sequence[DeadLetterGroup] = ()

    @property
    def dead_lettered(self) -> int:
        """How many records went to the dead letters."""
        return sum(group.records for group in self.dead_letters)


@dataclass(frozen=True, slots=True)
class Audited:
    """A suite's verdict on a batch; ``clean_key`` is None when the batch is quarantined."""

    clean_key: str | None
    quality: Mapping[str, object] = field(default_factory=dict)


class Ledger(Protocol):
    """Each method is one transaction; inside ``transaction()`` they join that one.

    A commit names the version or token that its caller read. When somebody else was faster it raises ``FencedError``
    and changes nothing: the loser has committed nothing, and what it wrote to S3 is named by nobody.

    A ledger is one ``generation``'s: 0 is the live drain, any other a replay. Checkpoints, and what is drained, belong
    to it alone; the stages' work is taken from all generations, the live one's first.
    """

    @property
    def generation(self) -> int:
        """Return which generation this ledger drains."""
        ...

    def for_generation(self, generation: int) -> "Ledger":
        """Return the same ledger for another generation."""
        ...

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        ...

    def register(self, stream: str, shards: Iterable[Shard], start_at: datetime | None, now: datetime) -> None:
        """Add a checkpoint for each shard that has none, and let the others have the parents that the stream names.

        The stream's first shards begin at ``start_at`` (None: the oldest record held). Whatever appears once the
        stream is known begins at its own beginning: a shard born while nobody looked is read whole.
        """
        ...

    def checkpoints(self, stream: str) -> dict[str, Checkpoint]:
        """Return the stream's checkpoints by shard."""
        ...

    def commit_drain(self, batch: MicroBatch | None, advance: Advance, run_id: str, now: datetime) -> None:
        """Write the batch and the gap, if any, open the batch's validation, and advance the checkpoint.

        Raises:
            FencedError: the checkpoint moved since it was read.
        """
        ...

    def open_batch(self, batch: MicroBatch, run_id: str, now: datetime) -> None:
        """Write a batch and open its validation; the checkpoints are left alone.

        Raises:
            FencedError: there is such a batch already.
        """
        ...

    def catch_up(self, stream: str, tips: Mapping[str, datetime]) -> None:
        """Note for each shard when reading stood at its tip; never an earlier moment than the one that is known.

        It leaves the checkpoints' versions alone, so it fences nobody.
        """
        ...

    def gaps(self, stream: str) -> list[Gap]:
        """Return the stream's gaps in the order of their detection."""
        ...

    def last_drained_at(self, stream: str) -> datetime | None:
        """Return when the stream's newest batch of this generation was drained; redriven ones do not count."""
        ...

    def claim(self, stream: str, stage: Stage, owner: str, limit: int, lease: timedelta, now: datetime) -> list[Claim]:
        """Take up to ``limit`` batches of any generation that wait for a stage: live ones first, then oldest first.

        Work that is due, whose lease ran out, or that ``owner`` itself held before is there to be taken.
        """
        ...

    def complete_validate(self, claim: Claim, outcome: Validated, now: datetime) -> None:
        """Record what validation made of the batch and open the stages behind it.

        Raises:
            FencedError: somebody else claimed the work since.
        """
        ...

    def complete_alert(self, claim: Claim, alertable: int, filtered: int, now: datetime) -> None:
        """Record what the filter made of the batch.

        Raises:
            FencedError: somebody else claimed the work since.
        """
        ...

    def complete_audit(self, claim: Claim, outcome: Audited, now: datetime) -> None:
        """Record the suite's verdict: published, or quarantined.

        Raises:
            FencedError: somebody else claimed the work since.
        """
        ...

    def last_docs_at(self, stream: str) -> datetime | None:
        """Return when the stream's newest audited batch that has a page was judged."""
        ...

    def release(self, claim: Claim, error: str, retry_at: datetime) -> None:
        """Give the work back, to be taken again from ``retry_at`` on; nothing happens when it is no longer ours."""
        ...

    def unfinished(self, stream: str, now: datetime, stage: Stage | None = None) -> int:
        """Return how many stages (or how many of one kind) are there to be taken."""
        ...


def retry_delay(attempts: int, *, transient: bool) -> timedelta:
    """Return how long a failed stage rests: 2, 4, 8 … seconds, at most five minutes.

    When a server was away it rests half a minute at most: whatever waited is to be through soon after its return.
    """
    return timedelta(seconds=min(2 ** min(attempts, 9), 30 if transient else 300))
