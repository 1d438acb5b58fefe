"""Claims about a group's trend: what it keeps, what it makes of it, and when it is too much."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from include.alerts.rates import MOST_MINUTES, RateRules, Trend, minute_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
M = minute_of(NOON)
MINUTE = timedelta(minutes=1)
BATCHES = st.lists(st.dictionaries(st.integers(M - 90, M), st.integers(1, 1_000), max_size=5), max_size=12)


@given(BATCHES)
def test_a_trend_holds_the_last_hour_exactly(batches: list[dict[int, int]]) -> None:
    """In whatever order batches come: each minute within an hour of the newest has its count, if it never fell out."""
    trend = Trend()
    for batch in batches:
        trend = trend.plus(batch.items())
    newest = max((minute for batch in batches for minute in batch), default=M)
    assert len(trend.counts) <= MOST_MINUTES
    if min((minute for batch in batches for minute in batch), default=M) > newest - MOST_MINUTES:
        assert sum(trend.counts) == sum(count for batch in batches for count in batch.values())


@given(BATCHES)
def test_a_bar_is_as_wide_as_a_phone(batches: list[dict[int, int]]) -> None:
    """At most twenty columns, the highest one full, and a minute with a record is never drawn as one without."""
    trend = Trend()
    for batch in batches:
        trend = trend.plus(batch.items())
    bar = trend.bar()
    assert (len(bar) <= 20, "█" in bar) == (True, any(trend.counts))
    assert bool(trend.counts) == bool(bar)


def test_a_rate_is_of_the_window_that_ends_now() -> None:
    """Fifty records within the last five minutes are ten a minute, and older ones are none."""
    trend = Trend().plus([(M - 30, 900), (M - 4, 20), (M, 30)])
    window = timedelta(minutes=5)
    assert (trend.rate(NOON, window), trend.rate(NOON + 5 * MINUTE, window)) == (10.0, 0.0)


def test_a_bound_is_learned_from_the_groups_own_past() -> None:
    """Four a minute for twenty minutes make a bound of twenty; a short past makes none; a quiet one the floor."""
    steady = Trend().plus([(M - at, 4) for at in range(5, 25)])
    short = Trend().plus([(M - at, 4) for at in range(5, 10)])
    quiet = Trend().plus([(M - 40, 1), (M, 1)])
    rules = RateRules()
    assert [trend.bound(NOON, rules) for trend in (steady, short, quiet)] == [20.0, None, 10.0]


def test_a_bound_that_is_set_holds_without_a_past() -> None:
    """The lower of the set and the learned one counts."""
    steady = Trend().plus([(M - at, 4) for at in range(5, 25)])
    assert [Trend().bound(NOON, RateRules(bound=7)), steady.bound(NOON, RateRules(bound=700))] == [7, 20.0]
