"""What a reconciliation looks at and what it can find."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

import pyarrow as pa

from include.drain.payloads.unpack import SubRecord
from include.drain.raw_batch import sub_records
from include.keys import Room


class Kind(StrEnum):
    """The ways in which two of ledger, objects and stream can differ."""

    MISSING = "object_missing"
    UNREADABLE = "object_unreadable"
    COUNT = "record_count"
    SIZE = "data_bytes"
    CONTENT = "content"
    RANGE = "sequence_range"
    ORDER = "record_order"
    SETTLEMENT = "settlement"
    CONSERVATION = "conservation"
    OVERLAP = "overlap"
    LOST = "lost"
    ALTERED = "altered"
    FOREIGN = "foreign"


MEANING: Mapping[Kind, str] = {
    Kind.MISSING: "an object that the ledger names is not there",
    Kind.UNREADABLE: "an object cannot be read",
    Kind.COUNT: "an object holds another number of records than the ledger says",
    Kind.SIZE: "the records' data is longer or shorter than the ledger says",
    Kind.CONTENT: "an object's content is not what it was",
    Kind.RANGE: "an object begins or ends at another record than the ledger says",
    Kind.ORDER: "an object holds a record twice, or records out of order",
    Kind.SETTLEMENT: "a raw record is not exactly once among the valid and the dead-lettered",
    Kind.CONSERVATION: "a batch's counts do not add up",
    Kind.OVERLAP: "two batches of a shard claim the same records",
    Kind.LOST: "a record is in the stream and not on S3",
    Kind.ALTERED: "a record on S3 has other bytes than in the stream",
    Kind.FOREIGN: "a record is on S3 and not in the stream, which would still hold it",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A span of arrival times, aware: from ``start`` on, before ``end``."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class LedgerBatch:
    """A row of ``cali.micro_batches``, as far as it can be checked; counts are None until their stage is done.

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
    staged_key: str | None
    dlq_key: str | None
    clean_key: str | None
    state: str
    valid: int | None
    dead_lettered: int | None
    alertable: int | None
    filtered: int | None
    origin_batch_id: str | None = None

    @property
    def first(self) -> tuple[int, int]:
        """The first record's place in the shard. Sequence numbers are decimals of different lengths."""
        return int(self.first_sequence_number), self.first_sub_sequence

    @property
    def last(self) -> tuple[int, int]:
        """The last record's place in the shard."""
        return int(self.last_sequence_number), self.last_sub_sequence

    @property
    def keys(self) -> dict[Room, str]:
        """The objects that the ledger names, by room."""
        keys = {
            Room.RAW: self.raw_key,
            Room.STAGED: self.staged_key,
            Room.DLQ: self.dlq_key,
            Room.CLEAN: self.clean_key,
        }
        return {room: key for room, key in keys.items() if key}

    @property
    def finished(self) -> bool:
        """Whether every stage is done."""
        return self.state in {"published", "quarantined"} and self.alertable is not None


@dataclass(frozen=True)
class Reading:
    """An object as it was found: its table and the SHA-256 of the file, or the ``problem`` and what is known of it.

    ``removed_at`` is when housekeeping removed the object: then it has neither a table nor a problem.
    """

    key: str
    table: pa.Table | None = None
    sha256: str = ""
    problem: Kind | None = None
    detail: str = ""
    removed_at: datetime | None = None

    @cached_property
    def events(self) -> list[SubRecord]:
        """The events of a raw object, taken out of its table once; none without a table."""
        return sub_records(self.table) if self.table is not None else []


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be: what, where, and over how many records or objects (``count``)."""

    kind: Kind
    shard_id: str
    sequence_number: str
    detail: str
    batch_id: str | None = None
    key: str | None = None
    count: int = 1
