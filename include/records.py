"""The values that travel through CALI: shards, records and micro-batches. Times are aware and UTC."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the wall clock's present instant, in UTC."""
    return datetime.now(UTC)


class StreamRecord(NamedTuple):
    """One record as the stream delivers it; ``data`` are the producer's own bytes."""

    sequence_number: str
    partition_key: str
    arrived_at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as ``ListShards`` describes it; parents that retention has removed are still named."""

    shard_id: str
    parent_shard_ids: tuple[str, ...] = ()


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

    A replay's checkpoint may name the record to begin at and the one to close with, both inclusive.
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
