"""A raw micro-batch: the object that holds a shard's records byte for byte, and its row in the ledger."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa

from include.drain.payloads.mode import Payloads
from include.drain.payloads.unpack import SubRecord, unpack
from include.keys import REDRIVEN, Room, object_key
from include.parquet import to_parquet
from include.records import MicroBatch, StreamRecord

DECODE_ERROR = "decode_error"
RAW_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("sequence_number", pa.string(), nullable=False),
    pa.field("sub_sequence", pa.int32(), nullable=False),
    pa.field("partition_key", pa.string(), nullable=False),
    pa.field("arrived_at", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("data", pa.binary(), nullable=False),
    # Null where the data is an event; older objects have no such column.
    pa.field(DECODE_ERROR, pa.string()),
]
RAW_SCHEMA = pa.schema(RAW_FIELDS)
HASH_IN_NAME = 16
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def raw_batch(
    stream: str,
    shard_id: str,
    records: Sequence[StreamRecord],
    payloads: Payloads = Payloads.AUTO,
    generation: int = 0,
) -> tuple[MicroBatch, bytes]:
    """Return the ledger row and the Parquet object of a shard's records, which must not be empty.

    Id and key are a function of the content and the generation: the same records give the same key again, other
    records another one.
    Records that unpack to more than a batch may hold are left for the next one: the row's last sequence number says
    how far this one goes.
    """
    return batch_of(stream, shard_id, unpack(records, payloads), generation)


def batch_of(
    stream: str, shard_id: str, subs: Sequence[SubRecord], generation: int = 0, origin_batch_id: str | None = None
) -> tuple[MicroBatch, bytes]:
    """Return the ledger row and the Parquet object of a shard's events, which must not be empty.

    With an ``origin_batch_id`` they are dead letters of that batch: the names say so, and hang on it as well.
    """
    digest = content_hash(subs)
    first, last = subs[0], subs[-1]
    mark = digest[:HASH_IN_NAME]
    if origin_batch_id:
        mark = REDRIVEN + sha256(f"{origin_batch_id}/{digest}".encode()).hexdigest()[:HASH_IN_NAME]
    name = f"{shard_id}-{first.record.sequence_number}-{last.record.sequence_number}-{mark}.parquet"
    arrivals = [sub.record.arrived_at for sub in subs]
    batch = MicroBatch(
        batch_id=f"{stream}-{shard_id}-{mark}" + (f"-r{generation}" if generation else ""),
        stream=stream,
        shard_id=shard_id,
        first_sequence_number=first.record.sequence_number,
        first_sub_sequence=first.sub_sequence,
        last_sequence_number=last.record.sequence_number,
        last_sub_sequence=last.sub_sequence,
        records=len(subs),
        bytes=sum(len(sub.data) for sub in subs),
        sha256=digest,
        first_arrived_at=min(arrivals),
        last_arrived_at=max(arrivals),
        raw_key=object_key(Room.RAW, stream, min(arrivals), name, generation),
        generation=generation,
        origin_batch_id=origin_batch_id,
    )
    return batch, to_parquet(raw_table(subs))


def content_hash(subs: Sequence[SubRecord]) -> str:
    """Return the SHA-256, in hex, over each event's sequence number, sub-sequence, length and data, in order.

    A decode error goes in as well, so that an object is never taken for one whose records were not to be opened.
    """
    digest = sha256()
    for sub in subs:
        place = f"{sub.record.sequence_number}/{sub.sub_sequence}/{len(sub.data)}"
        digest.update((f"{place}/{sub.decode_error}:" if sub.decode_error else f"{place}:").encode())
        digest.update(sub.data)
    return digest.hexdigest()


def sub_records(raw: pa.Table) -> list[SubRecord]:
    """Return the events of a raw table (columns of ``RAW_SCHEMA``), as they went in."""
    columns = [raw.column(name).to_pylist() for name in ("sequence_number", "partition_key", "arrived_at", "data")]
    # Objects from before payloads were decoded lack the column.
    errors = raw.column(DECODE_ERROR).to_pylist() if DECODE_ERROR in raw.column_names else [None] * raw.num_rows
    return [
        SubRecord(StreamRecord(*fields), sub_sequence, fields[-1], fields[1], error)
        for *fields, sub_sequence, error in zip(*columns, raw.column("sub_sequence").to_pylist(), errors, strict=True)
    ]


def raw_table(subs: Sequence[SubRecord]) -> pa.Table:
    """Return the events as a table of ``RAW_SCHEMA``."""
    return pa.table(
        {
            "sequence_number": [sub.record.sequence_number for sub in subs],
            "sub_sequence": [sub.sub_sequence for sub in subs],
            "partition_key": [sub.partition_key for sub in subs],
            "arrived_at": _instants([sub.record.arrived_at for sub in subs]),
            "data": [sub.data for sub in subs],
            DECODE_ERROR: [sub.decode_error for sub in subs],
        },
        schema=RAW_SCHEMA,
    )


def _instants(times: Sequence[datetime]) -> "pa.Array[Any]":
    """Return times as Arrow's; it would ask each one for its offset from UTC, which takes five times as long."""
    return pa.array([time - EPOCH for time in times], pa.duration("us")).view(pa.timestamp("us", tz="UTC"))
