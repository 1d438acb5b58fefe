"""Incidents take turns: each has its time, and each comes round before one comes twice."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from include.streams.logs.simulation.incidents import FORETOLD_S, LONGEST_S, OVERLAP_S, SHORTEST_S, Incidents

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def turns(seed: int, seconds: int) -> dict[str, list[float]]:
    """The tenths of a second at which each scenario is on."""
    incidents = Incidents(Random(seed))
    on: dict[str, list[float]] = {}
    for tenth in range(seconds * 10):
        for scenario in incidents.active(START + timedelta(seconds=tenth / 10)):
            on.setdefault(scenario.name, []).append(tenth / 10)
    return on


@given(st.integers(0, 2**32))
def test_one_or_two_scenarios_are_on_at_any_time(seed: int) -> None:
    """There is always an incident, never a crowd, also after a leap or a step back of the clock."""
    rng = Random(seed)
    incidents = Incidents(Random(seed))
    now = START
    for _ in range(50):
        now += timedelta(seconds=rng.choice((-0.5, 0.1, 1, 10, 100, 1e7)))
        assert 1 <= len(incidents.active(now)) <= 2


def test_an_episode_lasts_12_to_20_seconds() -> None:
    """At any rate, because it is stream time."""
    for seed in range(5):
        for seconds in turns(seed, 60).values():
            if seconds[-1] < 59:
                assert SHORTEST_S - 0.1 <= seconds[-1] - seconds[0] <= LONGEST_S


def test_all_eight_have_a_turn_before_one_has_a_second() -> None:
    """A row of eight takes two minutes and a bit."""
    for seed in range(5):
        on = turns(seed, int(8 * LONGEST_S))
        assert len(on) == 8
        starts = sorted(seconds[0] for seconds in on.values())
        gaps = [later - earlier for earlier, later in pairwise(starts)]
        assert all(SHORTEST_S - OVERLAP_S - 0.1 <= gap <= LONGEST_S + 0.1 for gap in gaps)


def test_warnings_come_before_the_errors() -> None:
    """A scenario is foretold for some seconds, then on, and foretold no more when it is over."""
    tenths = [START + timedelta(seconds=tenth / 10) for tenth in range(1200)]
    one, other = Incidents(Random(3)), Incidents(Random(3))
    on = [{scenario.name for scenario in one.active(now)} for now in tenths]
    foretold = [{scenario.name for scenario in other.foretold(now)} for now in tenths]
    ahead = int(FORETOLD_S * 10)
    for tenth in range(len(tenths) - ahead):
        assert foretold[tenth] == set().union(*on[tenth : tenth + ahead + 1])
