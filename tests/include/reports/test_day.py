"""A day is one of the place, whatever its length."""

from datetime import UTC, date, datetime, timedelta

import pytest

from include.errors import ConfigurationError
from include.reports.day import Day, yesterday


@pytest.mark.parametrize(
    ("on", "zone", "begins", "hours"),
    [
        (date(2026, 2, 28), "UTC", "2026-02-28T00:00Z", 24),
        (date(2024, 2, 29), "Asia/Seoul", "2024-02-28T15:00Z", 24),
        (date(2026, 3, 29), "Europe/Berlin", "2026-03-28T23:00Z", 23),
        (date(2026, 10, 25), "Europe/Berlin", "2026-10-24T22:00Z", 25),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight(on: date, zone: str, begins: str, hours: int) -> None:
    """Also where a night loses or repeats an hour."""
    day = Day(on, zone)
    assert (day.start, day.end - day.start) == (datetime.fromisoformat(begins), timedelta(hours=hours))


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-03-29T21:59Z", "Europe/Berlin", date(2026, 3, 28)),
        ("2026-03-29T22:00Z", "Europe/Berlin", date(2026, 3, 29)),
        ("2026-03-29T14:59Z", "Asia/Seoul", date(2026, 3, 28)),
        ("2026-03-29T15:00Z", "Asia/Seoul", date(2026, 3, 29)),
    ],
)
def test_yesterday_is_the_last_day_that_is_over(now: str, zone: str, expected: date) -> None:
    """In that place, to the minute."""
    moment = datetime.fromisoformat(now).astimezone(UTC)
    assert yesterday(moment, zone) == Day(expected, zone)
    assert yesterday(moment, zone).end <= moment


@pytest.mark.parametrize(
    ("on", "zone", "complaint"),
    [
        (date(2026, 3, 29), "Nowhere/Land", "give an IANA name"),
        (date(2026, 3, 29), "../etc/passwd", "give an IANA name"),
        (date(2011, 12, 30), "Pacific/Apia", "was skipped"),
    ],
)
def test_what_is_no_day_is_named(on: date, zone: str, complaint: str) -> None:
    """A zone that is not known, and a day that a place did not have."""
    with pytest.raises(ConfigurationError, match=complaint):
        Day(on, zone)
