"""Events are counted by service and level, on their day alone."""

from datetime import date

import pytest

from include.reports.day import Day
from include.reports.tally import tally, to_table
from include.reports.values import LogCount
from tests.include.reports.logs_of_a_day import at, table

DAY = Day(date(2026, 3, 28), "UTC")


def test_counts_are_those_that_were_worked_out_by_hand() -> None:
    """Over several tables, in the order of service and level; first and last are the day's own."""
    before = [("pay", "INFO", at(23, 59, day=27, second=59.999999))]
    morning = [("pay", "INFO", at(0)), ("pay", "ERROR", at(1)), ("auth", "INFO", at(2)), ("pay", "INFO", at(3))]
    evening = [("pay", "INFO", at(23, 59, second=59.999999)), ("pay", "INFO", at(0, day=29))]
    assert tally(DAY, [table(before + morning), table([]), table(evening)]) == [
        LogCount("auth", "INFO", 1, at(2), at(2)),
        LogCount("pay", "ERROR", 1, at(1), at(1)),
        LogCount("pay", "INFO", 3, at(0), at(23, 59, second=59.999999)),
    ]


@pytest.mark.parametrize("events", [[], [("pay", "INFO", at(12, day=27))]])
def test_a_day_without_events_has_no_counts(events: list[tuple[str, str, object]]) -> None:
    """Neither without a table, nor with one of another day."""
    assert tally(DAY, []) == tally(DAY, [table(events)]) == []  # type: ignore[arg-type]


def test_the_parquet_table_has_a_row_for_each_count() -> None:
    """And is sound without any."""
    count = LogCount("pay", "INFO", 3, at(0), at(12))
    assert to_table(DAY, [count]).to_pylist() == [
        {
            "day": DAY.date,
            "service": "pay",
            "level": "INFO",
            "records": 3,
            "first_arrived_at": at(0),
            "last_arrived_at": at(12),
        }
    ]
    assert to_table(DAY, []).schema == to_table(DAY, [count]).schema
