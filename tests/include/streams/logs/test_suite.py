"""The logs suite: what passes, and each way in which a batch may fail."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.audit import QualityReport, audit, render_data_docs
from include.streams.logs.model import SCHEMA
from include.streams.logs.suite import LogsSuiteParameters, logs_suite
from include.streams.suite import AGE, staged_columns

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SUITE = logs_suite()
COLUMNS = staged_columns(SCHEMA)


def batch_of(rows: int, **columns: Sequence[Any]) -> pa.Table:
    """Return a staged batch that passes, with some columns replaced."""
    good: dict[str, Sequence[Any]] = {name: [f"{name}-1"] * rows for name in COLUMNS.names}
    good |= {
        "event_id": [f"event-{row}" for row in range(rows)],
        "timestamp": [NOW - timedelta(seconds=2)] * rows,
        "level": ["INFO"] * rows,
        "_sub_sequence": list(range(rows)),
        "_arrived_at": [NOW] * rows,
    }
    return pa.table(good | columns, schema=COLUMNS)


def broken(report: QualityReport) -> list[tuple[str, tuple[str, ...]]]:
    """Return the type and the columns of what failed."""
    return [(outcome.type, outcome.columns) for outcome in report.failures()]


def judged(table: pa.Table) -> list[tuple[str, tuple[str, ...]]]:
    """Return what fails on a batch."""
    return broken(audit(table, SUITE, NOW))


@pytest.mark.parametrize("rows", [1, 2, 150])
def test_good_batch_passes(rows: int) -> None:
    """A batch with nothing wrong passes all 28 expectations."""
    report = audit(batch_of(rows), SUITE, NOW)
    assert (report.success, report.evaluated, report.successful) == (True, 28, 28)


def test_columns_are_those_of_the_model_and_the_lineage() -> None:
    """The suite expects the model's columns first, then the six of the lineage."""
    assert COLUMNS.names[: len(SCHEMA)] == SCHEMA.names
    assert all(name.startswith("_") for name in COLUMNS.names[len(SCHEMA) :])


def test_empty_batch_fails() -> None:
    """A batch without rows fails on its row count alone."""
    assert judged(COLUMNS.empty_table()) == [("expect_table_row_count_to_be_between", ())]


def test_batch_with_too_many_rows_fails() -> None:
    """A batch longer than any batch can be fails."""
    suite = logs_suite(LogsSuiteParameters(most_rows=3))
    report = audit(batch_of(4), suite, NOW)
    assert broken(report) == [("expect_table_row_count_to_be_between", ())]


def test_missing_column_fails() -> None:
    """A column that is not there fails the order, and what needs it could not be judged."""
    report = audit(batch_of(2).drop_columns(["service"]), SUITE, NOW)
    assert {outcome.type for outcome in report.failures()} == {
        "expect_table_columns_to_match_ordered_list",
        "expect_column_type_to_be",
        "expect_column_values_to_not_be_null",
    }


def test_additional_column_fails() -> None:
    """A column that nobody knows fails the order."""
    table = batch_of(2).append_column("surprise", pa.array(["x", "y"]))
    assert judged(table) == [("expect_table_columns_to_match_ordered_list", ())]


def test_columns_in_another_order_fail() -> None:
    """Columns that changed places fail the order."""
    names = [COLUMNS.names[1], COLUMNS.names[0], *COLUMNS.names[2:]]
    assert judged(batch_of(2).select(names)) == [("expect_table_columns_to_match_ordered_list", ())]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("_sub_sequence", pa.int64()),
        ("_sub_sequence", pa.string()),
        ("timestamp", pa.timestamp("ns", tz="UTC")),
        ("timestamp", pa.timestamp("us", tz="Europe/Berlin")),
        ("pod", pa.binary()),
    ],
)
def test_column_of_another_type_fails(column: str, kind: pa.DataType) -> None:
    """A column of another type, unit or zone fails its type."""
    table = batch_of(2)
    place = table.column_names.index(column)
    failures = judged(table.set_column(place, column, table[column].cast(kind)))
    assert ("expect_column_type_to_be", (column,)) in failures


@pytest.mark.parametrize("column", ["event_id", "timestamp", "level", "service"])
def test_null_in_a_required_column_fails(column: str) -> None:
    """One null among many rows is a fault of the validation stage, and fails."""
    table = batch_of(200)
    values = [None, *table[column].to_pylist()[1:]]
    assert judged(batch_of(200, **{column: values})) == [("expect_column_values_to_not_be_null", (column,))]


@pytest.mark.parametrize("column", ["event_id", "timestamp", "level", "service"])
def test_required_column_of_nulls_fails(column: str) -> None:
    """A required column that holds nothing but nulls fails."""
    assert ("expect_column_values_to_not_be_null", (column,)) in judged(batch_of(3, **{column: [None] * 3}))


@pytest.mark.parametrize("column", ["request_id", "correlation_id", "extra"])
def test_optional_column_of_nulls_passes(column: str) -> None:
    """A column that may be null may be null throughout."""
    assert judged(batch_of(3, **{column: [None] * 3})) == []


def test_unknown_level_fails() -> None:
    """One level outside the contract's set fails."""
    report = audit(batch_of(200, level=["NOTICE", *["INFO"] * 199]), SUITE, NOW)
    (outcome,) = report.failures()
    assert (outcome.type, outcome.samples) == ("expect_column_values_to_be_in_set", ("NOTICE",))


@pytest.mark.parametrize(
    ("rows", "repeats", "passes"),
    [
        (2, 2, True),
        (60, 2, True),
        (60, 20, True),
        (60, 21, False),
        (2_000, 20, True),
        (2_000, 22, False),
        (5_000, 50, True),
    ],
)
def test_a_few_resends_pass_in_any_batch_and_a_mass_of_them_in_none(rows: int, repeats: int, passes: bool) -> None:
    """Twenty rows may always share their identity, and one in a hundred where that is more."""
    ids = [*["twin"] * repeats, *(f"event-{row}" for row in range(rows - repeats))]
    expected = [] if passes else [("expect_column_values_to_be_unique", ("event_id",))]
    assert judged(batch_of(rows, event_id=ids)) == expected


def test_one_resend_in_a_large_batch_passes() -> None:
    """A producer that sent one of a thousand events twice does not keep the batch back, and it is counted."""
    ids = ["twin", "twin", *(f"event-{row}" for row in range(998))]
    report = audit(batch_of(1_000, event_id=ids), SUITE, NOW)
    counts = [found.unexpected_count for found in report.expectations if found.type.endswith("to_be_unique")]
    assert (report.success, counts) == (True, [2])


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(hours=168), []),
        (timedelta(hours=168, microseconds=1), [("expect_column_values_to_be_between", (AGE,))]),
        (-timedelta(minutes=15), []),
        (-timedelta(minutes=15, microseconds=1), [("expect_column_values_to_be_between", (AGE,))]),
    ],
)
def test_events_keep_a_window_around_their_arrival(age: timedelta, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    """Events older than the window, or further ahead of their arrival, fail; on the bound they pass."""
    assert judged(batch_of(2, timestamp=[NOW - age] * 2)) == expected


def test_one_wrong_clock_in_a_hundred_passes() -> None:
    """One event from 2001 does not keep 99 others from being published."""
    times = [datetime(2001, 1, 1, tzinfo=UTC), *[NOW] * 99]
    assert judged(batch_of(100, timestamp=times)) == []


@pytest.mark.parametrize("length", [0, 262_145])
def test_log_content_of_another_length_fails(length: int) -> None:
    """A log content that is empty, or longer than the contract allows, fails."""
    failures = judged(batch_of(1, log_content=["x" * length]))
    assert failures == [("expect_column_value_lengths_to_be_between", ("log_content",))]


def test_classifier_that_calls_everything_an_error_fails() -> None:
    """A hundred rows and nearly all of them errors is a broken classifier."""
    report = audit(batch_of(100, level=[*["ERROR"] * 50, *["FATAL"] * 46, *["INFO"] * 4]), SUITE, NOW)
    (outcome,) = report.failures()
    assert (outcome.type, outcome.unexpected_percent) == ("expect_column_values_to_not_be_in_set", 96.0)


@pytest.mark.parametrize(("rows", "errors"), [(1, 1), (5, 5), (99, 99), (100, 95), (1_000, 800)])
def test_incident_and_small_batches_do_not_look_like_a_broken_classifier(rows: int, errors: int) -> None:
    """Errors only in a batch below 100 rows, and 95 % of them in any batch, pass."""
    assert judged(batch_of(rows, level=["ERROR"] * errors + ["WARN"] * (rows - errors))) == []


def test_version_follows_the_bounds() -> None:
    """The same bounds are the same suite; another bound is another version."""
    assert logs_suite() is SUITE
    assert logs_suite(LogsSuiteParameters(oldest_hours=1.0)).version != SUITE.version


def test_age_is_seconds_from_event_to_arrival() -> None:
    """The derived age counts seconds, and is null where a time is missing."""
    table = batch_of(3, timestamp=[NOW - timedelta(seconds=1.5), NOW + timedelta(seconds=2), None])
    assert SUITE.derive(table)[AGE].to_pylist() == [1.5, -2.0, None]


VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): st.none() | st.text(),
    pa.int32(): st.none() | st.integers(-(2**31), 2**31 - 1),
    pa.timestamp("us", tz="UTC"): st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Any table that has the schema: any text, any instant that 64 bits hold, nulls anywhere, rows or none."""
    rows = draw(st.integers(0, 6))
    columns = [
        pa.array(draw(st.lists(VALUES[field.type], min_size=rows, max_size=rows)), field.type) for field in COLUMNS
    ]
    return pa.table(columns, schema=COLUMNS)


@given(tables())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_audit_judges_any_table_of_the_schema(table: pa.Table) -> None:
    """Whatever the values, every expectation is judged, and the verdict fits JSON and a page."""
    report = audit(table, SUITE, NOW)
    row = report.to_row("batch-1")
    assert [outcome.exception for outcome in report.expectations] == [None] * 28
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert render_data_docs(report, "batch-1").startswith(b"<!DOCTYPE html>")
