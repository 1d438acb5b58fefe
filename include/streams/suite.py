"""What every stream's suite holds of a staged batch; a stream adds what only its own events can be asked.

Two kinds of bounds. What the validation stage already promises (columns, types, nulls, sets of values) is held for
every row: one broken row there is a fault of ours. What producers decide (clocks, repeated sends, lengths) is held for
a share of the rows: one odd record must not keep its batch from being published.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from include.audit.suite import AuditSuite, gx_expectations
from include.streams.fields import LINEAGE_FIELDS, TIME

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

AGE = "_event_age_s"
"""The derived column: seconds from the event to its arrival in the stream; negative if the event lies ahead."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds that every stream has.

    Attributes:
        oldest_hours: how many hours an event may lie before its arrival. A week, as the validation stage has it:
            what a shipper kept through a long outage is old, not wrong.
        ahead_minutes: how many minutes it may lie after its arrival: a producer's clock that runs ahead.
        in_window_share: share of rows, 0 to 1, that must keep that window.
        unique_share: share of rows, 0 to 1, whose identity no other row has. Below 1 because a producer that
            repeats a PutRecords call after a timeout writes its records twice.
        repeated_rows: rows that may share their identity in a batch of any size: in a small one a single resent record
            is more than a share allows. Where one of a thousand is sent twice, the chance of more than 10 pairs in
            2,000 rows, from where the share allows more, is below 1 in 100,000 (Poisson).
        most_rows: rows of a batch, at most; the drain's cap is 10,000 records a shard and each may carry several.
    """

    oldest_hours: float = 168.0
    ahead_minutes: float = 15.0
    in_window_share: float = 0.95
    unique_share: float = 0.99
    repeated_rows: int = 20
    most_rows: int = 100_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of which columns: a stream's schema, its identity, its time, and what may not be null."""

    schema: pa.Schema
    identity: str
    time: str
    required: tuple[str, ...]


def staged_suite(
    name: str,
    asked: Asked,
    bounds: Bounds,
    own: "Callable[[], list[Expectation]]" = list,
    parameters: Callable[[pa.Table], Mapping[str, float]] = lambda _: {},
) -> AuditSuite:
    """Return a stream's suite: the common expectations, then its ``own``; its version names its bounds."""
    return AuditSuite(
        name=name,
        version=f"1-{hashlib.sha256(repr(bounds).encode()).hexdigest()[:8]}",
        schema=staged_columns(asked.schema),
        expectations=lambda: [*_about_the_table(asked, bounds), *_about_producers(asked, bounds), *own()],
        derive=partial(with_event_age, time=asked.time),
        parameters=lambda table: {"unique_share": _unique_share(bounds, table.num_rows), **parameters(table)},
    )


def staged_columns(schema: pa.Schema) -> pa.Schema:
    """Return a staged batch's columns: the event's, then its lineage; whether null is allowed is not asked here."""
    return pa.schema([(field.name, field.type) for field in [*schema, *LINEAGE_FIELDS]])


def with_event_age(table: pa.Table, time: str) -> pa.Table:
    """Append ``AGE`` in seconds; a table without both times comes back as it is, and its expectation says so."""
    types = {field.name: field.type for field in table.schema}
    if types.get(time) != TIME or types.get("_arrived_at") != TIME:
        return table
    age = pc.subtract(table["_arrived_at"], table[time])
    microseconds = pc.cast(pc.cast(age, pa.int64()), pa.float64(), safe=False)
    return table.append_column(AGE, pc.divide(microseconds, 1_000_000.0))


def _unique_share(bounds: Bounds, rows: int) -> float:
    """Return the share of a batch's rows that must have an identity of their own."""
    return min(bounds.unique_share, max(rows - bounds.repeated_rows, 0) / rows) if rows else bounds.unique_share


def _about_the_table(asked: Asked, bounds: Bounds) -> "list[Expectation]":
    """Return the expectations on rows, columns, types and nulls."""
    gxe = gx_expectations()
    columns = staged_columns(asked.schema)
    types = columns.empty_table().to_pandas().dtypes
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=bounds.most_rows),
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=[*columns.names, AGE]),
        *(gxe.ExpectColumnTypeToBe(column=name, type_=str(types[name])) for name in columns.names),
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in asked.required),
    ]


def _about_producers(asked: Asked, bounds: Bounds) -> "list[Expectation]":
    """Return the expectations on clocks and repeated sends, which a share of the rows must meet."""
    gxe = gx_expectations()
    return [
        gxe.ExpectColumnValuesToBeUnique(column=asked.identity, mostly={"$PARAMETER": "unique_share"}),
        gxe.ExpectColumnValuesToBeBetween(
            column=AGE,
            min_value=-60.0 * bounds.ahead_minutes,
            max_value=3_600.0 * bounds.oldest_hours,
            mostly=bounds.in_window_share,
        ),
    ]
