"""Judge a batch's dead letters again. Pure: tables in, records out."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from msgspec.structs import replace

from include.drain.payloads.mode import Payloads
from include.drain.payloads.unpack import SubRecord, unpack
from include.drain.raw_batch import raw_table
from include.errors import ConservationError
from include.records import StreamRecord
from include.redrive.store import MOST_SAMPLES, Identity, Retrial, Sample, Source
from include.streams.stream import Stream
from include.validation.validate import DECODE_STAGE, Origin, validate

Row = dict[str, Any]
_PLACE = ["_sequence_number", "_sub_sequence"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the present model says of a batch's dead letters; ``events`` are those of the fixed ones, in order."""

    retrials: tuple[Retrial, ...]
    events: tuple[SubRecord, ...]
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """By what dead letters are judged: the stream's model, and whether its records are opened."""

    stream: Stream
    payloads: Payloads


def judge_again(
    rules: Rules, source: Source, letters: pa.Table, moved: Collection[Identity], whole: Collection[str]
) -> Judgement:
    """Validate the dead letters of the source's groups that were not moved yet.

    A record that could not be decoded is opened again, and is fixed when one of its events at least is good; the
    others become dead letters of the new batch.

    Args:
        rules: the present model and how records are opened.
        source: the batch and the groups of it that are tried.
        letters: its object in ``dlq/``.
        moved: dead letters that are in another batch already.
        whole: sequence numbers of records that are one row of the raw object; only these may become several events.

    Raises:
        ConservationError: the object does not hold what the ledger says.
    """
    groups = {(group.stage, group.reason): group.records for group in source.groups}
    rows = [
        row for row in letters.to_pylist() if (row["stage"], row["reason"]) in groups and _identity(row) not in moved
    ]
    held = Counter((row["stage"], row["reason"]) for row in rows)
    if held != groups:
        raise ConservationError(
            f"{source.dlq_key} holds {dict(held)} open dead letters, the ledger says {groups}: redrive around it by "
            "reason or time, or discard them"
        )
    opened = {_identity(row): _events(row, rules.payloads, whole) for row in rows}
    flat = [event for events in opened.values() for event in events]
    validation = validate(rules.stream, raw_table(flat), Origin(rules.stream.name, source.batch_id, source.shard_id))
    good = {_identity(row) for row in validation.staged.select(_PLACE).to_pylist()}
    fixed = {letter: events for letter, events in opened.items() if any(_place(event) in good for event in events)}
    return Judgement(
        retrials=tuple(_retrial(rows, group, fixed) for group in groups),
        events=tuple(event for events in fixed.values() for event in events),
        samples=_samples(source, [row for row in rows if _identity(row) not in fixed], opened, validation.dead),
    )


def _identity(row: Row) -> Identity:
    return Identity(row["_sequence_number"], row["_sub_sequence"])


def _place(event: SubRecord) -> Identity:
    return Identity(event.record.sequence_number, event.sub_sequence)


def _events(row: Row, payloads: Payloads, whole: Collection[str]) -> list[SubRecord]:
    sequence_number, sub_sequence = _identity(row)
    record = StreamRecord(sequence_number, row["partition_key"], row["_arrived_at"], row["data"])
    as_it_was = SubRecord(record, sub_sequence, record.data, record.partition_key)
    if row["stage"] != DECODE_STAGE:
        return [as_it_was]
    events = unpack([record], payloads)
    if len(events) == 1:
        return [replace(events[0], sub_sequence=sub_sequence)]
    # Within an aggregate the numbers behind this one are taken: its events would have no names of their own.
    return events if sequence_number in whole and not sub_sequence else [replace(as_it_was, decode_error=row["reason"])]


def _retrial(rows: Sequence[Row], group: tuple[str, str], fixed: Collection[Identity]) -> Retrial:
    letters = [_identity(row) for row in rows if (row["stage"], row["reason"]) == group]
    return Retrial(*group, len(letters), tuple(letter for letter in letters if letter in fixed))


def _samples(
    source: Source, rows: Sequence[Row], opened: Mapping[Identity, Sequence[SubRecord]], dead: pa.Table
) -> tuple[Sample, ...]:
    """Return examples of the letters that stay bad, each with what is wrong with its first event now."""
    refused = {_identity(row): row for row in dead.select([*_PLACE, "reason", "message"]).to_pylist()}
    samples = []
    for row in rows[:MOST_SAMPLES]:
        now = refused[_place(opened[_identity(row)][0])]
        samples.append(Sample(source.batch_id, *_identity(row), row["reason"], now["reason"], now["message"]))
    return tuple(samples)
