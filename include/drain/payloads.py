"""From stream records to sub-records: what a producer packed together comes apart, byte for byte."""

from collections.abc import Iterable
from typing import NamedTuple

from include.records import StreamRecord


class SubRecord(NamedTuple):
    """One event's bytes and where they came from; (sequence number, sub-sequence) is its identity in the shard."""

    record: StreamRecord
    sub_sequence: int
    data: bytes


def unpack(records: Iterable[StreamRecord]) -> list[SubRecord]:
    """Return the records' events, in order; a record is one event."""
    return [SubRecord(record, 0, record.data) for record in records]
