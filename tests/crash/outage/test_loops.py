"""A loop runs and retries as Airflow does, and a reading knows what is through."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crash.child import Order
from tests.crash.outage import loops
from tests.crash.outage.gauge import Reading
from tests.crash.outage.loops import LONGEST_RETRY_DELAY_S, RETRIES, Loop, retry_delay_s

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@given(tries=st.integers(1, 8), seed=st.integers())
def test_a_retry_comes_within_airflows_bounds(tries: int, seed: int) -> None:
    """Between 2 and 4 s first, then twice as long each time, and never more than half a minute."""
    least = 2.0**tries
    delay = retry_delay_s(tries, Random(seed))
    assert min(least, LONGEST_RETRY_DELAY_S) <= delay <= min(2 * least, LONGEST_RETRY_DELAY_S)


class Ended:
    """A child that has ended with a code."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code

    def ended_within(self, seconds: float) -> bool:
        return True


def test_a_run_tries_again_under_its_own_name_and_the_next_run_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four tries fail, so the run fails; a run that succeeds is followed by the next one as well."""
    codes = [1] * (RETRIES + 1) + [0, 1, 0]
    owners: list[str] = []
    now = 0.0

    def begin(order: Order, _: Any) -> Ended:
        owners.append(order.owner)
        return Ended(codes[len(owners) - 1])

    monkeypatch.setattr(loops, "start", begin)
    monkeypatch.setattr(loops.time, "monotonic", lambda: now)
    loop = Loop(None, Order(stream="s"), Random(1))  # type: ignore[arg-type]
    while len(owners) < len(codes) or loop.tries.total() < len(codes):
        now += 1
        loop.go_on()
    first = loop._order.steps[0].name.lower()
    assert owners == [f"{first}-1"] * 4 + [f"{first}-2"] + [f"{first}-3"] * 2
    assert (loop.failed, loop.tries[0]) == (5, 2)


@pytest.mark.parametrize(
    ("reading", "through"),
    [
        (Reading(), False),
        (Reading(drained_until=NOON), True),
        (Reading(drained_until=NOON - SECOND), False),
        (Reading(drained_until=NOON, oldest_open=NOON), True),
        (Reading(drained_until=NOON, oldest_open=NOON - SECOND), False),
    ],
)
def test_what_is_through(reading: Reading, through: bool) -> None:
    """The slowest shard is drained up to then, and no batch from before waits for a stage."""
    assert reading.through(NOON) is through
