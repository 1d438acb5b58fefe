"""The values that travel through CALI: shards, records, micro-batches and gaps. Times are aware and UTC."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the wall clock's present instant, in UTC."""
    return datetime.now(UTC)


ON_THE_WIRE = {
    "sequence_number": "SequenceNumber",
    "partition_key": "PartitionKey",
    "arrived_at": "ApproximateArrivalTimestamp",
    "data": "Data",
}
"""What GetRecords' answer calls a record's fields, so that one is decoded without a step in between."""


# A record holds nothing that could refer back to it: the garbage collector need not walk the thousands of a batch.
class StreamRecord(Struct, frozen=True, gc=False, rename=ON_THE_WIRE):
    """One record as the stream delivers it; ``data`` are the producer's own bytes."""

    sequence_number: str
    partition_key: str
    arrived_at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as ``ListShards`` describes it; parents that retention has removed are still named.

    ``starting_sequence_number`` comes before the numbers of all its records and never changes.
    """

    shard_id: str
    parent_shard_ids: tuple[str, ...] = ()
    starting_sequence_number: str = "0"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of ``GetRecords``.

    ``next_iterator`` is None at the end of a closed shard; ``behind_s`` is how many seconds the page's end lies
    behind the stream's tip.
    """

    records: tuple[StreamRecord, ...]
    next_iterator: str | None
    behind_s: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a shard is durably drained, and the version that an advance must name.

    ``caught_up_at`` is the last moment at which reading stood at the shard's tip: whatever arrived before then is
    drained, or recorded as lost. ``shard_start`` is the shard's starting sequence number: a shard of the same id with a
    later one belongs to a stream that was made anew. A replay's checkpoint may name the record to begin at and the one
    to close with, both inclusive.
    """

    shard_id: str
    parent_shard_ids: tuple[str, ...] = ()
    start_at: datetime | None = None
    sequence_number: str | None = None
    closed: bool = False
    version: int = 0
    last_arrived_at: datetime | None = None
    start_sequence_number: str | None = None
    stop_sequence_number: str | None = None
    caught_up_at: datetime | None = None
    shard_start: str | None = None


class GapReason(StrEnum):
    """Why records were lost before they could be read."""

    RETENTION = "retention"
    SHARD_GONE = "shard_gone"
    UNKNOWN_SEQUENCE = "unknown_sequence"


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole in what was drained of a shard: records that arrived in it may be lost.

    It begins behind the record ``from_sequence_number`` (None: nothing was drained) and at ``from_at``, up to which
    everything is drained (None: not known), and ends at ``to_at``, where reading goes on.
    """

    stream: str
    shard_id: str
    reason: GapReason
    from_sequence_number: str | None
    from_at: datetime | None
    to_at: datetime

    @property
    def gap_id(self) -> str:
        """The same for the same hole, however often it is met."""
        begin = f"{self.from_sequence_number}\0{self.from_at}"
        digest = hashlib.sha256(begin.encode()).hexdigest()[:16]
        return f"{self.stream}-{self.shard_id}-{self.reason}-{digest}"

    @property
    def span_s(self) -> float | None:
        """How many seconds of the shard it covers, at most; None where its beginning is not known."""
        return None if self.from_at is None else (self.to_at - self.from_at).total_seconds()


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """A ledger row as the drain writes it: which records of which shard lie in which raw object.

    ``bytes`` counts the records' data, not the object; ``sha256`` is over the records in order (see
    ``include.drain.raw_batch``). ``generation`` is 0 for the live drain, and a replay's number otherwise.
    ``origin_batch_id`` names the batch whose dead letters these records were; None for a batch that was drained.
    """

    batch_id: str
    stream: str
    shard_id: str
    first_sequence_number: str
    first_sub_sequence: int
    last_sequence_number: str
    last_sub_sequence: int
    records: int
    bytes: int
    sha256: str
    first_arrived_at: datetime
    last_arrived_at: datetime
    raw_key: str
    generation: int = 0
    origin_batch_id: str | None = None
