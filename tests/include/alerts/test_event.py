"""Claims about events: levels, clocks and quality failures."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from include.alerts.event import (
    AlertEvent,
    Category,
    RecordIdentity,
    gap_event,
    quality_event,
    seen_at,
    severity_rank,
)
from include.alerts.grouping import group_events
from include.records import Gap, GapReason


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


def test_a_gap_says_where_it_lies_and_how_long_it_is_at_most(noon: datetime) -> None:
    """Whoever reads the message knows which shard lost what, and that the drain has gone on."""
    gap = Gap("logs", "shardId-1", GapReason.RETENTION, "495", noon - timedelta(hours=30), noon - timedelta(hours=24))
    made = gap_event(gap, noon)
    assert (made.category, made.severity, made.service) == (Category.GAP, "CRITICAL", "logs")
    for part in ("shardId-1", "495", str(gap.from_at), str(gap.to_at), "at most 6:00:00"):
        assert part in made.message


@pytest.mark.parametrize("reason", GapReason)
def test_the_gaps_of_one_outage_share_a_message(noon: datetime, reason: GapReason) -> None:
    """Every shard of a stream that was not drained in time tells the same problem, and each is counted."""
    gaps = [Gap("logs", f"shardId-{number}", reason, None, None, noon) for number in range(3)]
    (increment,) = group_events([gap_event(gap, noon) for gap in gaps])
    assert (increment.count, increment.category) == (3, Category.GAP)
    other = group_events([gap_event(Gap("cards", "shardId-1", reason, None, None, noon), noon)])
    assert other[0].fingerprint.value != increment.fingerprint.value
