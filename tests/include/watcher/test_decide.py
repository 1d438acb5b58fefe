"""What the watcher makes of what it saw."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from include.watcher.decide import (
    AIRFLOW,
    MONITOR,
    POSTGRES,
    STREAM,
    Sighting,
    Watch,
    of_health,
    of_lag,
    of_monitor,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PAGE: Mapping[str, Mapping[str, str | None]] = {
    "metadatabase": {"status": "healthy"},
    "scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-03-02T11:58:00+00:00"},
    "triggerer": {"status": "healthy", "latest_triggerer_heartbeat": "2026-03-02T12:00:00+00:00"},
    "dag_processor": {"status": None, "latest_dag_processor_heartbeat": None},
}


def looks(*ill: tuple[str, ...], every: int = 60) -> list[list[str]]:
    """Return which parts are silent after each look, of those that are ill in it; every other part is well."""
    watch = Watch(timedelta(seconds=120))
    everything = {AIRFLOW, POSTGRES, MONITOR, "scheduler", f"{STREAM}logs"}
    told = []
    for number, parts in enumerate(ill):
        at = NOON + number * every * SECOND
        sighting = Sighting(at, dict.fromkeys(parts, "why"), frozenset(everything - set(parts)))
        told.append([silence.part for silence in watch.look(sighting)])
    return told


def test_a_part_is_silent_when_it_was_ill_for_long_enough() -> None:
    """A restart is no silence, and neither are two short ones."""
    ill = ("scheduler",)
    assert looks(ill, ill, ill, ill, ()) == [[], [], ["scheduler"], ["scheduler"], []]
    assert looks(ill, ill, (), ill, ill) == [[]] * 5


def test_a_silence_says_since_when() -> None:
    """From the first look at which it was ill."""
    watch = Watch(timedelta(seconds=60))
    for seconds in (0, 30):
        assert watch.look(Sighting(NOON + seconds * SECOND, {"scheduler": "why"})) == []
    (silence,) = watch.look(Sighting(NOON + 60 * SECOND, {"scheduler": "later"}))
    assert (silence.since, silence.why) == (NOON, "later")


def test_people_are_told_of_the_cause_alone() -> None:
    """Without a scheduler nobody judges and nothing is drained; when it is back, both have time to follow."""
    down, after = ("scheduler", MONITOR, f"{STREAM}logs"), (MONITOR, f"{STREAM}logs")
    told = looks(down, down, down, down, after, after, after)
    assert told == [[], [], ["scheduler"], ["scheduler"], [], [], [MONITOR, f"{STREAM}logs"]]


def test_while_the_monitor_judges_a_lag_is_its_own() -> None:
    """The service level of the stream tells it."""
    late = (f"{STREAM}logs",)
    assert looks(late, late, late, late) == [[]] * 4


def test_airflows_own_page_is_believed() -> None:
    """A part that was never started is not missed; a page that does not answer is a silence of all of it."""
    ill, well = of_health(PAGE)
    assert ill == {"scheduler": "its last heartbeat was at 2026-03-02T11:58:00+00:00"}
    assert well == {AIRFLOW, "metadatabase", "triggerer"}
    assert of_health(None) == ({AIRFLOW: "its health page does not answer"}, frozenset())


@pytest.mark.parametrize(("minutes", "is_ill"), [(0, False), (4.9, False), (5, True), (600, True)])
def test_a_monitor_that_judged_long_ago_is_silent(minutes: float, is_ill: bool) -> None:
    """It comes each minute; one that never was is not missed."""
    ill, well = of_monitor(NOON, NOON + minutes * 60 * SECOND)
    assert (MONITOR in ill, MONITOR in well) == (is_ill, not is_ill)
    assert of_monitor(None, NOON) == ({}, frozenset())


def test_a_lag_has_a_bound_that_can_be_switched_off() -> None:
    """Each stream by itself."""
    lags = {"logs": 1_800.0, "transactions": 1_799.0}
    ill, well = of_lag(lags, timedelta(minutes=30))
    assert ill == {f"{STREAM}logs": "nothing is known to be drained for 30 minutes"}
    assert well == {f"{STREAM}transactions"}
    assert of_lag(lags, None) == ({}, frozenset())
