r"""The contract of the log stream: what a record must be to count as an event.

``LogEvent`` is made for JSON mode: ``TypeAdapter(list[LogEvent]).validate_json`` over a joined batch, or
``validate_json`` on one record. Its rules are constraints that Pydantic checks in Rust, never a Python
function per record.

What JSON allows and this model does with it:

- Bytes that are not UTF-8, lone surrogates (``"\ud800"``), integers past 4,300 digits, nesting past 200
  levels, NaN and infinity, a byte order mark, anything after the object: rejected with a ``ValidationError``.
- A key given twice: the last one counts, as in Python's own ``json``.
- NUL (``"\u0000"``) in a text is kept. Parquet holds it, Postgres' ``text`` does not: strip it on the way.
- Digits past the microsecond of ``timestamp`` are cut.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema, to_json
from typing_extensions import TypeAliasType

from include.streams.fields import TIME, Identifier, Instant, Uuid, columns_of, schema_of


class _Portable:
    """A JSON value that every JSON reader can read again: NaN and infinity are refused."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.custom_error_schema(
            handler(source),
            custom_error_type="not_portable_json",
            custom_error_message="An unknown field must hold JSON; NaN and infinity are not part of it",
        )


Finite = Annotated[float, Field(allow_inf_nan=False)]
JsonValue = TypeAliasType(
    "JsonValue",
    Annotated[
        "str | bool | int | Finite | list[JsonValue] | dict[str, JsonValue] | None",
        Field(union_mode="left_to_right"),
    ],
)
Level = Literal["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]


class LogEvent(BaseModel):
    """One log event of one service, with its whole text; lengths are in characters.

    ``event_id`` is a UUID in its canonical form (hyphens; upper case is lowered). ``timestamp`` is aware, in
    the zone that the record named, and becomes UTC in the columns. ``log_content`` is the event as the
    service wrote it, stack trace included. Fields that the contract does not name are kept.

    Raises:
        pydantic.ValidationError: the record breaks the contract; it belongs into the dead letters.
    """

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, cache_strings="keys")
    __pydantic_extra__: dict[str, Annotated[JsonValue, _Portable()]] = Field(init=False)

    event_id: Uuid
    timestamp: Instant
    level: Level
    service: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
    message: Annotated[str, StringConstraints(min_length=1, max_length=8_192)]
    log_content: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]
    pod: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    version: Identifier
    request_id: Identifier | None = None
    correlation_id: Identifier | None = None


SCHEMA: pa.Schema = schema_of(
    ("event_id", pa.string()),
    ("timestamp", TIME),
    ("level", pa.string()),
    ("service", pa.string()),
    ("message", pa.string()),
    ("log_content", pa.string()),
    ("pod", pa.string()),
    ("version", pa.string()),
    ("request_id", pa.string(), True),
    ("correlation_id", pa.string(), True),
    ("extra", pa.string(), True),
)
"""The columns of validated events; ``extra`` is the unknown fields as one JSON object, null without any."""


def to_columns(events: Sequence[LogEvent]) -> dict[str, list[object]]:
    """Turn events into ``SCHEMA``'s columns, each as long as ``events`` and in its order.

    ``timestamp`` stays an aware datetime; Arrow turns it into UTC when the table is built with ``SCHEMA``.
    """
    columns = columns_of([name for name in SCHEMA.names if name != "extra"], events)
    columns["extra"] = [
        to_json(unknown).decode() if (unknown := event.__pydantic_extra__) else None for event in events
    ]
    return columns
