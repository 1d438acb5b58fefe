"""The pacer keeps a load's rate, and catches up without a burst."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.simulator.pacing import CATCH_UP_FACTOR, LONGEST_SPAN_S, Load, Pacer


@settings(deadline=None)
@given(st.floats(0.1, 5_000), st.lists(st.floats(0.01, 0.5), min_size=1, max_size=60))
def test_asked_often_a_steady_load_is_met_to_the_record(rate: float, waits: list[float]) -> None:
    """Whatever the ticks, what was handed out is rate times time, less a record that is under way."""
    pacer = Pacer(Load(rate), 100.0)
    now, handed_out = 100.0, 0
    for wait in waits:
        now += wait
        handed_out += pacer.due(now)
    assert handed_out == pytest.approx(rate * (now - 100.0), abs=1.01)


@settings(deadline=None)
@given(st.floats(1, 5_000), st.lists(st.floats(0.0, 60), min_size=1, max_size=30))
def test_no_call_gets_more_than_twice_the_rate_of_a_second(rate: float, waits: list[float]) -> None:
    """After a long outage the backlog comes in portions."""
    pacer = Pacer(Load(rate), 0.0)
    now = 0.0
    for wait in waits:
        now += wait
        assert pacer.due(now) <= max(1, CATCH_UP_FACTOR * rate * min(wait, LONGEST_SPAN_S) + 1e-6)


def test_a_run_that_is_behind_says_by_how_much_and_catches_up() -> None:
    """Ten seconds of outage at 100/s take another ten at twice the rate."""
    pacer = Pacer(Load(100), 0.0)
    assert pacer.due(10.0) == 200
    assert pacer.behind_s(10.0) == 8.0
    handed_out = [pacer.due(10 + tenth / 5) for tenth in range(1, 60)]
    assert max(handed_out) <= 41
    assert pacer.behind_s(10 + 59 / 5) == pytest.approx(0, abs=0.02)


def test_a_slow_load_hands_out_one_record_when_it_is_due() -> None:
    """One record in two seconds is no record in the first."""
    pacer = Pacer(Load(0.5), 0.0)
    assert [pacer.due(tenth / 5) for tenth in range(1, 21)] == [0] * 9 + [1] + [0] * 9 + [1]


def test_a_spike_raises_the_rate_for_its_length() -> None:
    """Base, twenty times as much, base."""
    load = Load(100, factor=20, spike_from_s=60, spike_length_s=60)
    assert [load.rate_at(second) for second in (0, 59.9, 60, 119.9, 120)] == [100, 100, 2_000, 2_000, 100]
    assert [load.total(second) for second in (60, 61, 120, 180)] == [6_000, 8_000, 126_000, 132_000]


def test_a_spike_is_handed_out_in_full() -> None:
    """The pacer follows the load up and down."""
    load = Load(100, factor=20, spike_from_s=6, spike_length_s=6)
    pacer = Pacer(load, 0.0)
    handed_out = [pacer.due(tick / 5) for tick in range(1, 91)]
    assert sum(handed_out) == load.total(18)
    assert [handed_out[0], handed_out[45], handed_out[-1]] == pytest.approx([20, 400, 20], abs=1)
