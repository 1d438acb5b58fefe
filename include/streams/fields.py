"""Fields that streams' models share. Their rules are constraints that Pydantic checks in Rust."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import pyarrow as pa
from pydantic import GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

from include.alerts.event import RecordIdentity

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""The first instant that an event may carry."""
BEFORE = datetime(2100, 1, 1, tzinfo=UTC)
"""The first instant that an event may not carry any more."""
ZONED_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
r"""How an instant begins; ``\d`` would mean the digits of every script, and costs each event 0.2 µs more."""


class _ZonedIsoString:
    """A string in ISO 8601 form with a zone, read as an aware datetime.

    Pydantic alone would also read ``"1700000000"`` as an instant and ``"2026-01-01"`` as a midnight.
    """

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.str_schema(pattern=ZONED_ISO, max_length=64, strict=True),
                core_schema.datetime_schema(ge=EARLIEST, lt=BEFORE, tz_constraint="aware", strict=False),
            ]
        )


Instant = Annotated[datetime, _ZonedIsoString()]
"""An event's own time: ISO 8601 with a zone; digits past the microsecond are cut."""
Uuid = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", to_lower=True),
]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128)]

TIME: pa.DataType = pa.timestamp("us", tz="UTC")
"""How an instant is kept in Arrow."""

LINEAGE_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("_stream", pa.string(), nullable=False),
    pa.field("_batch_id", pa.string(), nullable=False),
    pa.field("_shard_id", pa.string(), nullable=False),
    pa.field("_sequence_number", pa.string(), nullable=False),
    pa.field("_sub_sequence", pa.int32(), nullable=False),
    pa.field("_arrived_at", TIME, nullable=False),
]
"""The columns behind every stream's own: where a record came from."""


def identity_of(row: Mapping[str, Any]) -> RecordIdentity:
    """Return which record of the stream a staged row is, by its lineage."""
    return RecordIdentity(row["_shard_id"], row["_sequence_number"], row["_sub_sequence"])


def schema_of(*columns: tuple[str, pa.DataType] | tuple[str, pa.DataType, bool]) -> pa.Schema:
    """Return a schema of columns by name and type, each with True behind them where it may hold null."""
    fields: list[pa.Field[Any]] = [pa.field(name, kind, nullable=bool(null)) for name, kind, *null in columns]
    return pa.schema(fields)


def columns_of(names: Sequence[str], events: Sequence[Any]) -> dict[str, list[object]]:
    """Return the events' fields of these names as columns, each as long as ``events`` and in its order."""
    fields = [vars(event) for event in events]
    return {name: [field[name] for field in fields] for name in names}
