"""Claims about a group's life: which event makes what of it, and why; and its laws, whatever happens."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.alerts.group import AlertGroup, State
from include.alerts.grouping import group_events
from include.alerts.growth import Batch, grow, settle
from include.alerts.lifecycle import Seen, Step, Tick, Transition, step
from include.alerts.rates import RateRules, Trend, minute_of
from include.alerts.settings import AlertSettings
from tests.alert_events import NOON, event, increments

MINUTE = timedelta(minutes=1)
SETTINGS = AlertSettings()
LEGAL = {
    None: {State.NEW},
    State.NEW: {State.ONGOING, State.ESCALATING, State.RESOLVED},
    State.ONGOING: {State.ESCALATING, State.RESOLVED},
    State.ESCALATING: {State.ONGOING, State.RESOLVED},
    State.RESOLVED: {State.REGRESSED},
    State.REGRESSED: {State.ONGOING, State.ESCALATING, State.RESOLVED},
}


@pytest.fixture
def group() -> AlertGroup:
    """A group that one record opened at noon, in version 1.4."""
    [change] = grow([], batch(event("x", attributes={"version": "1.4"})), NOON, SETTINGS)
    return replace(change.group, id=1)


def batch(*events: object, name: str = "b") -> Batch:
    """Return a batch of events."""
    return Batch(name, None, group_events(events))  # type: ignore[arg-type]


def seen(at: datetime, trend: Trend | None = None, *versions: str) -> Seen:
    """Return the event of records at an instant."""
    return Seen(at, versions, trend or Trend().plus([(minute_of(at), 1)]))


def reason(moved: Step | None) -> tuple[State, str] | None:
    """Return where a step leads, and why."""
    return (moved.state, moved.reason) if moved else None


def test_a_group_is_new_for_five_minutes(group: AlertGroup) -> None:
    """More of it within that time changes nothing; after it the group is ongoing."""
    at = NOON + 5 * MINUTE
    steps = [step(group, seen(when), when, SETTINGS) for when in (at - timedelta(seconds=1), at)]
    assert [reason(one) for one in steps] == [None, (State.ONGOING, "seen_again")]


@pytest.mark.parametrize("state", [State.NEW, State.ONGOING, State.ESCALATING, State.REGRESSED])
def test_any_open_group_is_resolved_when_it_is_quiet(group: AlertGroup, state: State) -> None:
    """Quiet counts from the last batch that added to the group, to the second."""
    quiet_at = NOON + SETTINGS.quiet_after
    open_group = replace(group, state=state, rate_bound=0.1, trend=Trend().plus([(minute_of(quiet_at), 50)]))
    steps = [step(open_group, Tick(), when, SETTINGS) for when in (quiet_at - timedelta(seconds=1), quiet_at)]
    assert [reason(one) for one in steps] == [None, (State.RESOLVED, "quiet")]


def test_time_makes_nothing_of_a_resolved_group(group: AlertGroup) -> None:
    """Only a record brings it back."""
    assert step(replace(group, state=State.RESOLVED), Tick(), NOON + timedelta(days=9), SETTINGS) is None


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (("1.5",), "after 3 h 12 min, since version 1.5 (before: 1.4)"),
        (("1.4",), "after 3 h 12 min, in version 1.4"),
        ((), "after 3 h 12 min"),
    ],
)
def test_a_return_says_after_how_long_and_since_which_version(
    group: AlertGroup, versions: tuple[str, ...], said: str
) -> None:
    """From the last record before to the first one after; a version that the group never had is named as such."""
    at = NOON + timedelta(hours=3, minutes=12)
    moved = step(replace(group, state=State.RESOLVED), seen(at, None, *versions), at, SETTINGS)
    assert moved == Step(State.REGRESSED, "came_back", said)


def test_a_rate_over_the_groups_own_past_escalates_and_half_of_it_calms_down(group: AlertGroup) -> None:
    """Four a minute for twenty minutes, then thirty: over twenty. It is back when it is under ten."""
    now = NOON + 25 * MINUTE
    minute = minute_of(now)
    past = [(minute - at, 4) for at in range(5, 25)]
    loud = Trend().plus([*past, *((minute - at, 30) for at in range(5))])
    moved = step(replace(group, state=State.ONGOING), seen(now, loud), now, SETTINGS)
    assert moved == Step(State.ESCALATING, "rate_over_bound", "30 a minute, more than 20")
    assert moved is not None
    escalating = replace(group, state=State.ESCALATING, rate_bound=moved.bound, trend=loud, updated_at=now)
    later = [step(escalating, Tick(), now + minutes * MINUTE, SETTINGS) for minutes in (3, 4)]
    assert [reason(one) for one in later] == [None, (State.ONGOING, "rate_back")]


def test_a_steady_rate_never_escalates(group: AlertGroup) -> None:
    """However high it is: what was always so is no news."""
    now = NOON + 25 * MINUTE
    trend = Trend().plus([(minute_of(now) - at, 5_000) for at in range(40)])
    assert step(replace(group, state=State.ONGOING), seen(now, trend), now, SETTINGS) is None


def test_a_backlog_is_no_rate(group: AlertGroup) -> None:
    """Ten thousand records of an hour ago, drained now, do not escalate their group."""
    now = NOON + 60 * MINUTE
    trend = Trend().plus([(minute_of(NOON), 10_000)])
    set_bound = AlertSettings(rates=RateRules(bound=10))
    moved = step(replace(group, updated_at=now), seen(NOON, trend), now, set_bound)
    assert reason(moved) == (State.ONGOING, "seen_again")


def test_a_resolved_group_is_nobodys_any_more(group: AlertGroup) -> None:
    """Who acknowledged it is not at its next occurrence."""
    taken = replace(group, acknowledged_by="ann", acknowledged_at=NOON, acknowledged_why="on it")
    [change] = settle([taken], NOON + SETTINGS.quiet_after, SETTINGS)
    assert (change.group.acknowledged_by, change.group.closed_at) == (None, NOON + SETTINGS.quiet_after)


def test_a_group_that_was_quiet_and_comes_back_in_one_batch_takes_both_steps(group: AlertGroup) -> None:
    """Nobody looked meanwhile, and the history is complete all the same."""
    at = NOON + timedelta(hours=2)
    back = event("x", occurred_at=at, arrived_at=at)
    [change] = grow([group], batch(back, name="b2"), at, SETTINGS)
    assert [moved.step.reason for moved in change.transitions] == ["quiet", "came_back"]
    assert (change.group.state, change.group.occurrences, change.group.reopened_at) == (State.REGRESSED, 2, at)


WORDS = ["red", "blue", "green"]
SCRIPTS = st.lists(
    st.tuples(st.lists(st.sampled_from(WORDS), max_size=30), st.sampled_from([1, 30, 61, 300, 1_000, 2_000])),
    max_size=40,
)


@given(SCRIPTS)
def test_a_life_obeys_its_laws(script: list[tuple[list[str], int]]) -> None:
    """Each record is counted once, in the group of its kind; only legal steps are taken; history and state agree."""
    groups: dict[str, AlertGroup] = {}
    history: dict[str, list[Transition]] = {word: [] for word in WORDS}
    put: Counter[str] = Counter()
    now = NOON
    settings = AlertSettings(rates=RateRules(bound=3))
    for number, (words, seconds) in enumerate(script):
        now += timedelta(seconds=seconds)
        brought = Batch(f"b{number}", None, increments(*words, occurred_at=now, arrived_at=now))
        known = list(groups.values())
        for change in grow(known, brought, now, settings) if words else settle(known, now, settings):
            groups[change.group.title] = replace(change.group, id=change.group.id or len(groups) + 1)
            history[change.group.title] += change.transitions
        put.update(words)
    assert {word: group.count for word, group in groups.items()} == dict(put)
    for word, group in groups.items():
        steps = history[word]
        assert all(moved.step.state in LEGAL[moved.before] for moved in steps)
        assert all(one.step.state is other.before for one, other in pairwise(steps))
        assert (steps[0].before, steps[-1].step.state) == (None, group.state)
        assert (group.state is State.RESOLVED) == (group.closed_at is not None)
        assert (group.state is State.ESCALATING) == (group.rate_bound is not None)
        assert group.occurrences == 1 + sum(moved.step.state is State.REGRESSED for moved in steps)


def test_every_state_is_reached() -> None:
    """A script that leads through all of them, so that the laws are about something."""
    reached = set()
    known: list[AlertGroup] = []
    settings = AlertSettings(rates=RateRules(bound=3))
    now = NOON
    for many, seconds in ((1, 0), (1, 400), (60, 60), (0, 2_000), (1, 60)):
        now += timedelta(seconds=seconds)
        brought = Batch(str(now), None, increments(*["x"] * many, occurred_at=now, arrived_at=now))
        for change in grow(known, brought, now, settings) if many else settle(known, now, settings):
            known = [replace(change.group, id=1)]
        reached.add(known[0].state)
    assert reached == set(State)
