"""From stream records to events: what a producer packed together comes apart, byte for byte, or stays whole."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from include.drain.payloads import cloudwatch, compression, kpl
from include.drain.payloads.cloudwatch import log_messages
from include.drain.payloads.compression import codec_of, inflate
from include.drain.payloads.json_lines import json_lines
from include.drain.payloads.kpl import user_records
from include.drain.payloads.mode import Payloads
from include.drain.payloads.undecodable import MOST_EVENT_BYTES, Budget, Reason, UndecodableError
from include.records import StreamRecord

MOST_LAYERS = 4
"""Layers around an event; CloudWatch behind Firehose, gzip in gzip in an aggregate, needs three."""
MOST_UNPACKED = 64 << 20
"""Bytes that one call unpacks; a batch of well-packed records could fill the memory otherwise."""
EVENT_OVERHEAD = 200
"""Bytes that an event takes besides its data."""
SEARCHED_AT_ONCE = 64
"""Records; joined, those of a usual size fit into the processor's own memory."""
FIRST_BYTES = frozenset({kpl.MAGIC[:1], *(magic[:1] for magic in compression.MAGIC)})


class SubRecord(Struct, frozen=True, gc=False):
    """One event's bytes and where they came from; (sequence number, sub-sequence) is its identity in the shard.

    With a ``decode_error`` (a ``Reason``'s name) the data is a whole record that could not be opened.
    """

    record: StreamRecord
    sub_sequence: int
    data: bytes
    partition_key: str
    decode_error: str | None = None


class _Part(NamedTuple):
    data: bytes
    partition_key: str
    decode_error: str | None = None


def unpack(records: Sequence[StreamRecord], payloads: Payloads = Payloads.AUTO) -> list[SubRecord]:
    """Return the records' events in order: each record makes one at least, also when it cannot be opened.

    Stops behind the record that has filled ``MOST_UNPACKED``; records that were not packed do not count for that.
    """
    subs: list[SubRecord] = []
    begin, left = 0, MOST_UNPACKED
    for index in _suspects(records) if payloads is Payloads.AUTO else ():
        subs.extend(_plain(records[begin:index]))
        begin, record = index + 1, records[index]
        parts = _opened(record.data, record.partition_key, Budget(), 0)
        subs.extend(SubRecord(record, number, *part) for number, part in enumerate(parts))
        if len(parts) > 1 or parts[0].data is not record.data:
            left -= sum(len(part.data) + EVENT_OVERHEAD for part in parts)
            if left <= 0:
                return subs
    subs.extend(_plain(records[begin:]))
    return subs


def _plain(records: Sequence[StreamRecord]) -> list[SubRecord]:
    return [SubRecord(record, 0, record.data, record.partition_key) for record in records]


def _suspects(records: Sequence[StreamRecord]) -> Iterator[int]:
    """Yield, in order, the indices of the records that are worth a closer look.

    Records are searched some at a time, joined: a search in each one costs twice as much.
    """
    for start in range(0, len(records), SEARCHED_AT_ONCE):
        payloads = [record.data for record in records[start : start + SEARCHED_AT_ONCE]]
        joined = b"".join(payloads)
        firsts = {data[:1] for data in payloads}
        if b"\n" in joined or cloudwatch.MARK in joined or not FIRST_BYTES.isdisjoint(firsts):
            yield from (index for index, data in enumerate(payloads, start) if _may_be_packed(data))


def _may_be_packed(data: bytes) -> bool:
    """Return whether a closer look is worth it; most records are one line of JSON."""
    return data[:1] in FIRST_BYTES or b"\n" in data or cloudwatch.MARK in data


def _opened(data: bytes, partition_key: str, budget: Budget, layers: int) -> list[_Part]:
    """Return a record's events, or the record whole; a record within an aggregate is one as well."""
    try:
        return _layer(data, partition_key, budget, layers)
    except UndecodableError as error:
        # Growth is bounded over the stream record: what is inside it cannot go on as if nothing had happened.
        if error.reason is Reason.TOO_LARGE and layers:
            raise
        return [_Part(data, partition_key, error.reason.value)]


def _layer(data: bytes, partition_key: str, budget: Budget, layers: int) -> list[_Part]:
    if not _may_be_packed(data):
        return _events([data], partition_key, budget)
    aggregate, codec = data.startswith(kpl.MAGIC), codec_of(data)
    if layers == MOST_LAYERS and (aggregate or codec):
        raise UndecodableError(Reason.TOO_DEEP)
    if aggregate:
        users = user_records(data, budget.events_left)
        return [part for user in users for part in _opened(user.data, user.partition_key, budget, layers + 1)]
    if codec:
        return _layer(inflate(data, codec, budget), partition_key, budget, layers + 1)
    return _events(log_messages(data) or json_lines(data, budget) or [data], partition_key, budget)


def _events(events: list[bytes], partition_key: str, budget: Budget) -> list[_Part]:
    budget.events(len(events))
    if max(map(len, events)) > MOST_EVENT_BYTES:
        raise UndecodableError(Reason.TOO_LARGE)
    return [_Part(event, partition_key) for event in events]
