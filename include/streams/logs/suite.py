"""The logs suite: what a staged batch of log events must look like before it may be published.

Two kinds of bounds. What the validation stage already promises (columns, types, nulls, the set of levels) is held for
every row: one broken row there is a fault of ours. What producers decide (clocks, repeated sends, lengths) is held for
a share of the rows: one odd record must not keep its batch from being published.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from include.audit.suite import AuditSuite, gx_expectations
from include.streams.logs.model import SCHEMA

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

_UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
COLUMNS: pa.Schema = pa.schema(
    [
        *((field.name, field.type) for field in SCHEMA),
        ("_stream", pa.string()),
        ("_batch_id", pa.string()),
        ("_shard_id", pa.string()),
        ("_sequence_number", pa.string()),
        ("_sub_sequence", pa.int32()),
        ("_arrived_at", _UTC_MICROSECONDS),
    ]
)
"""The columns of a staged batch of logs: the event's, then its lineage."""
AGE = "_event_age_s"
"""The derived column: seconds from the event to its arrival in the stream; negative if the event lies ahead."""


@dataclass(frozen=True, slots=True)
class LogsSuiteParameters:
    """The suite's bounds.

    Attributes:
        levels: the levels that the contract knows.
        error_levels: those that count as errors.
        oldest_hours: how many hours an event may lie before its arrival. A week, as the validation stage has it:
            what a shipper kept through a long outage is old, not wrong.
        ahead_minutes: how many minutes it may lie after its arrival: a producer's clock that runs ahead.
        in_window_share: share of rows, 0 to 1, that must keep that window.
        unique_share: share of rows, 0 to 1, whose ``event_id`` no other row has. Below 1 because a producer that
            repeats a PutRecords call after a timeout writes its records twice.
        shortest_content: characters of ``log_content``, at least.
        longest_content: characters of ``log_content``, at most.
        content_share: share of rows, 0 to 1, that must keep those lengths.
        most_rows: rows of a batch, at most; the drain's cap is 10,000 records a shard and each may carry several.
        most_errors_share: share of error rows, 0 to 1, at most. It is there for a classifier that calls everything an
            error, not for an incident, which may well reach 80 %.
        errors_judged_from_rows: rows from which that share is judged. In a batch of 100 with 80 % errors the chance
            of more than 95 is below 1 in 100,000 (binomial); in a batch of 5 it is 1 in 3.
    """

    levels: tuple[str, ...] = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")
    error_levels: tuple[str, ...] = ("ERROR", "FATAL")
    oldest_hours: float = 168.0
    ahead_minutes: float = 15.0
    in_window_share: float = 0.95
    unique_share: float = 0.99
    shortest_content: int = 1
    longest_content: int = 262_144
    content_share: float = 0.99
    most_rows: int = 100_000
    most_errors_share: float = 0.95
    errors_judged_from_rows: int = 100


DEFAULTS = LogsSuiteParameters()


@cache
def logs_suite(parameters: LogsSuiteParameters = DEFAULTS) -> AuditSuite:
    """Return the logs suite with these bounds; its version names both the expectations and the bounds."""
    bounds = hashlib.sha256(repr(parameters).encode()).hexdigest()[:8]
    return AuditSuite(
        name="logs",
        version=f"1-{bounds}",
        schema=COLUMNS,
        expectations=partial(logs_expectations, parameters),
        derive=with_event_age,
        parameters=partial(_bounds_of_batch, parameters),
    )


def logs_expectations(parameters: LogsSuiteParameters = DEFAULTS) -> "list[Expectation]":
    """Return the suite's expectations, the table's first."""
    return [*_about_the_table(parameters), *_about_the_contract(parameters), *_about_producers(parameters)]


def with_event_age(table: pa.Table) -> pa.Table:
    """Append ``AGE`` in seconds; a table without both times comes back as it is, and its expectation says so."""
    types = {field.name: field.type for field in table.schema}
    if types.get("timestamp") != _UTC_MICROSECONDS or types.get("_arrived_at") != _UTC_MICROSECONDS:
        return table
    age = pc.subtract(table["_arrived_at"], table["timestamp"])
    microseconds = pc.cast(pc.cast(age, pa.int64()), pa.float64(), safe=False)
    return table.append_column(AGE, pc.divide(microseconds, 1_000_000.0))


def _bounds_of_batch(parameters: LogsSuiteParameters, table: pa.Table) -> Mapping[str, float]:
    """Return the bound that depends on the batch's size: how many rows must not be errors."""
    judged = table.num_rows >= parameters.errors_judged_from_rows
    return {"calm_share": round(1.0 - parameters.most_errors_share, 6) if judged else 0.0}


def _about_the_table(parameters: LogsSuiteParameters) -> "list[Expectation]":
    """Return the expectations on rows, columns and types."""
    gxe = gx_expectations()
    types = COLUMNS.empty_table().to_pandas().dtypes
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=parameters.most_rows),
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=[*COLUMNS.names, AGE]),
        *(gxe.ExpectColumnTypeToBe(column=name, type_=str(types[name])) for name in COLUMNS.names),
    ]


def _about_the_contract(parameters: LogsSuiteParameters) -> "list[Expectation]":
    """Return the expectations that every row must meet."""
    gxe = gx_expectations()
    required = ("event_id", "timestamp", "level", "service")
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in required),
        gxe.ExpectColumnValuesToBeInSet(column="level", value_set=list(parameters.levels)),
    ]


def _about_producers(parameters: LogsSuiteParameters) -> "list[Expectation]":
    """Return the expectations that a share of the rows must meet."""
    gxe = gx_expectations()
    return [
        gxe.ExpectColumnValuesToBeUnique(column="event_id", mostly=parameters.unique_share),
        gxe.ExpectColumnValuesToBeBetween(
            column=AGE,
            min_value=-60.0 * parameters.ahead_minutes,
            max_value=3_600.0 * parameters.oldest_hours,
            mostly=parameters.in_window_share,
        ),
        gxe.ExpectColumnValueLengthsToBeBetween(
            column="log_content",
            min_value=parameters.shortest_content,
            max_value=parameters.longest_content,
            mostly=parameters.content_share,
        ),
        gxe.ExpectColumnValuesToNotBeInSet(
            column="level", value_set=list(parameters.error_levels), mostly={"$PARAMETER": "calm_share"}
        ),
    ]
