"""What became of one record of a batch, read from the batch's own objects; secrets are hidden as in messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.adapters.object_store import AbsentError, ObjectStore
from include.alerts.redaction import redact_field
from include.parquet import from_parquet
from include.trace.batch import Row

LONGEST_VALUE = 4_000
"""Characters of a value that are shown."""
_HIDDEN = ("data",)
"""What the record's own bytes are in; they stay where they lie."""


@dataclass(frozen=True, slots=True)
class TracedRecord:
    """A record's fate: ``valid`` or ``dead letter``, the key of the object it is in, and its columns, redacted."""

    fate: str
    key: str
    fields: Mapping[str, str]


def trace_record(store: ObjectStore, batch: Row, sequence_number: str, sub_sequence: int) -> TracedRecord | None:
    """Return what became of a record; None while it is not validated, or when no object that is left holds it.

    Raises:
        TransientError: S3 did not answer.
    """
    for fate, key in (("valid", batch["clean_key"]), ("valid", batch["staged_key"]), ("dead letter", batch["dlq_key"])):
        row = _row(store, key, sequence_number, sub_sequence) if key else None
        if row is not None:
            return TracedRecord(fate, key, {name: _shown(name, value) for name, value in row.items()})
    return None


def _row(store: ObjectStore, key: str, sequence_number: str, sub_sequence: int) -> dict[str, Any] | None:
    try:
        table = from_parquet(store.get(key))
    except AbsentError:
        return None
    wanted = pc.and_(
        pc.equal(table.column("_sequence_number"), pa.scalar(sequence_number)),
        pc.equal(table.column("_sub_sequence"), pa.scalar(sub_sequence, pa.int32())),
    )
    rows = table.filter(wanted).drop_columns([name for name in _HIDDEN if name in table.column_names]).to_pylist()
    return rows[0] if rows else None


def _shown(name: str, value: object) -> str:
    text = redact_field(name, "" if value is None else str(value))
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
