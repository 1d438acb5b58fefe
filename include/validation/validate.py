"""Judge a raw batch record by record. Pure: a raw table in, a staged table and a table of dead letters out."""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, ValidationError

from include.alerts.redaction import redact
from include.drain.payloads.undecodable import explanation
from include.drain.raw_batch import DECODE_ERROR
from include.errors import ConservationError
from include.ledger.ledger import DeadLetterGroup
from include.streams.fields import LINEAGE_FIELDS
from include.streams.stream import Stream

STAGE = "validate"
DECODE_STAGE = "decode"
DEAD_FIELDS: "list[pa.Field[Any]]" = [
    *LINEAGE_FIELDS,
    pa.field("partition_key", pa.string(), nullable=False),
    pa.field("data", pa.binary(), nullable=False),
    pa.field("stage", pa.string(), nullable=False),
    pa.field("reason", pa.string(), nullable=False),
    pa.field("path", pa.string(), nullable=False),
    pa.field("message", pa.string(), nullable=False),
]
DEAD_SCHEMA = pa.schema(DEAD_FIELDS)
PLACE = ["sequence_number", "sub_sequence", "arrived_at"]
"""The raw columns that become lineage; to pick rows of the others as well would copy every byte of the batch."""
EVENTS_AT_ONCE = 500
"""Events that live as objects at the same time: a whole batch of them would take new memory, object by object."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which batch of which shard a raw table is."""

    stream: str
    batch_id: str
    shard_id: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the record at ``index`` of a raw table is a dead letter; the message never quotes the record."""

    index: int
    reason: str
    path: str
    message: str
    stage: str = STAGE


@dataclass(frozen=True, slots=True)
class Validation:
    """``staged`` and ``dead`` share out the raw table's records: each record is in exactly one of them."""

    staged: pa.Table
    dead: pa.Table

    def dead_letter_groups(self) -> list[DeadLetterGroup]:
        """Return the dead letters counted by reason, with the first message of each as its sample."""
        # Arrow's group_by would import its dataset machinery first, which costs a task 0.02 s.
        counts: Counter[tuple[str, str]] = Counter()
        samples: dict[tuple[str, str], str] = {}
        columns: list[list[str]] = [self.dead.column(name).to_pylist() for name in ("stage", "reason", "message")]  # type: ignore[misc]
        for stage, reason, message in zip(*columns, strict=True):
            counts[stage, reason] += 1
            samples.setdefault((stage, reason), message)
        return [DeadLetterGroup(*group, counts[group], message) for group, message in samples.items()]


def staged_schema(stream: Stream) -> pa.Schema:
    """Return the columns of a stream's staged and clean objects: the event's, then its lineage."""
    return pa.schema([*stream.schema, *LINEAGE_FIELDS])


def validate(stream: Stream, raw: pa.Table, origin: Origin) -> Validation:
    """Validate every record of a raw table (columns of ``include.drain.raw_batch.RAW_SCHEMA``).

    A record that the drain could not decode is a dead letter of stage ``decode``, whatever its bytes look like.
    Records are parsed one by one rather than joined into one JSON array: two broken records side by side can join
    into sound JSON.

    Raises:
        ConservationError: a record was neither staged nor dead-lettered.
    """
    refusals = _undecoded(raw)
    with _uncollected():
        events, kept, refused = _parsed(stream, raw, {refusal.index for refusal in refusals})
    refusals.extend(refused)
    columns = dict(zip(events.column_names, events.columns, strict=True))
    staged = pa.table(columns | _lineage(_rows(raw.select(PLACE), kept), origin), schema=staged_schema(stream))
    staged, late = _inside_window(stream, staged, kept)
    refusals.extend(late)
    dead = _dead(raw, sorted(refusals, key=lambda refusal: refusal.index), origin)
    if staged.num_rows + dead.num_rows != raw.num_rows:
        raise ConservationError(
            f"Batch {origin.batch_id}: read {raw.num_rows}, valid {staged.num_rows}, dead-lettered {dead.num_rows}"
        )
    return Validation(staged, dead)


def _undecoded(raw: pa.Table) -> list[Refusal]:
    # Objects from before payloads were decoded lack the column.
    if DECODE_ERROR not in raw.column_names or raw.column(DECODE_ERROR).null_count == raw.num_rows:
        return []
    reasons = raw.column(DECODE_ERROR).to_pylist()
    return [
        Refusal(index, reason, "", explanation(reason), DECODE_STAGE) for index, reason in enumerate(reasons) if reason
    ]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector away while events are made: an event is four of the objects that it counts and walks.

    None of them is in a cycle, so each goes when its last reference goes. Around a batch of 20,000 events the collector
    would come a hundred times, and for a process' first batches walk all that its clients are made of.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _parsed(stream: Stream, raw: pa.Table, undecoded: set[int]) -> tuple[pa.Table, list[int], list[Refusal]]:
    """Return the sound events, their indices in the raw table, and why the others are refused."""
    tables = [stream.schema.empty_table()]
    kept: list[int] = []
    refusals: list[Refusal] = []
    parse = TypeAdapter(stream.model).validator.validate_json
    payloads = raw.column("data")
    for start in range(0, raw.num_rows, EVENTS_AT_ONCE):
        events: list[Any] = []
        for index, data in enumerate(payloads.slice(start, EVENTS_AT_ONCE).to_pylist(), start):
            if index in undecoded:
                continue
            try:
                events.append(parse(data))  # type: ignore[arg-type]
                kept.append(index)
            except (ValueError, OverflowError, RecursionError) as error:
                refusals.append(_refusal(index, error))
        columns: dict[str, Any] = stream.to_columns(events)
        tables.append(pa.table(columns, schema=stream.schema))
    return pa.concat_tables(tables), kept, refusals


def _refusal(index: int, error: Exception) -> Refusal:
    if not isinstance(error, ValidationError):
        return Refusal(index, type(error).__name__, "", "The record cannot be read")
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    more = error.error_count() - 1
    path = ".".join(str(part) for part in first["loc"])
    # A record's own names for fields are part of the path, and may be anything.
    message = redact(f"{path}: {first['msg']}" if path else first["msg"])
    return Refusal(index, first["type"], path, f"{message} (and {more} more)" if more else message)


def _lineage(raw: pa.Table, origin: Origin) -> dict[str, Any]:
    count = raw.num_rows
    return {
        "_stream": pa.repeat(origin.stream, count),
        "_batch_id": pa.repeat(origin.batch_id, count),
        "_shard_id": pa.repeat(origin.shard_id, count),
        "_sequence_number": raw.column("sequence_number"),
        "_sub_sequence": raw.column("sub_sequence"),
        "_arrived_at": raw.column("arrived_at"),
    }


def _rows(raw: pa.Table, indices: Sequence[int]) -> pa.Table:
    return raw.take(pa.array(indices, pa.int64()))


def _inside_window(stream: Stream, staged: pa.Table, kept: Sequence[int]) -> tuple[pa.Table, list[Refusal]]:
    """Part the events whose own time is absurd next to the time at which they arrived."""
    behind = pc.subtract(staged.column("_arrived_at"), staged.column(stream.event_time))
    inside = pc.and_(
        pc.less_equal(behind, _duration(stream.oldest_event)),
        pc.greater_equal(behind, _duration(-stream.clock_ahead)),
    )
    outside: list[int] = pc.indices_nonzero(pc.invert(inside)).to_pylist()  # type: ignore[assignment]
    if not outside:
        return staged, []
    message = f"{stream.event_time}: more than {stream.oldest_event} before or {stream.clock_ahead} after the arrival"
    refusals = [Refusal(kept[index], "event_time_outside_window", stream.event_time, message) for index in outside]
    return staged.filter(inside), refusals


def _duration(span: timedelta) -> "pa.Scalar[Any]":
    return pa.scalar(span, pa.duration("us"))


def _dead(raw: pa.Table, refusals: Sequence[Refusal], origin: Origin) -> pa.Table:
    refused = _rows(raw, [refusal.index for refusal in refusals])
    columns = _lineage(refused, origin) | {
        "partition_key": refused.column("partition_key"),
        "data": refused.column("data"),
        "stage": [refusal.stage for refusal in refusals],
        "reason": [refusal.reason for refusal in refusals],
        "path": [refusal.path for refusal in refusals],
        "message": [refusal.message for refusal in refusals],
    }
    return pa.table(columns, schema=DEAD_SCHEMA)
