"""Claims about events: levels, clocks and quality failures."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from include.alerts.event import AlertEvent, Category, RecordIdentity, quality_event, seen_at, severity_rank


def test_levels_are_ranked_by_urgency() -> None:
    """FATAL comes before ERROR, ERROR before WARN, and anything unknown last; synonyms and case do not matter."""
    levels = ["info", "Warning", "WARN", "error", "SEVERE", "FATAL", "made-up"]
    assert [severity_rank(level) for level in levels] == [3, 2, 2, 1, 1, 0, 3]


@pytest.mark.parametrize(
    ("offset", "believed"),
    [
        (timedelta(0), True),
        (timedelta(hours=-23), True),
        (timedelta(minutes=4), True),
        (timedelta(minutes=6), False),
        (timedelta(days=-2), False),
        (timedelta(days=-365 * 56), False),
    ],
)
def test_a_clock_that_cannot_be_right_gives_way_to_the_arrival(
    event: Callable[..., AlertEvent], noon: datetime, offset: timedelta, believed: bool
) -> None:
    """A wrong clock, from 1970 or from the future, does not spoil a group's time span."""
    record = event(occurred_at=noon + offset)
    assert seen_at(record) == (noon + offset if believed else noon)


def test_a_quality_failure_names_suite_and_observations(noon: datetime) -> None:
    """The event's text holds each failed expectation with what was observed, in a stable order."""
    failures = {"unique(id)": "2 duplicates", "not_null(amount)": "3 nulls"}
    made = quality_event("transactions", "transactions_v1", failures, RecordIdentity("s", "1"), noon)
    assert made.category is Category.QUALITY
    assert made.message == (
        "transactions_v1 failed: not_null(amount), unique(id)\n- not_null(amount): 3 nulls\n- unique(id): 2 duplicates"
    )
