"""Maintenance: what is excused by it, and what is not."""

from collections.abc import Iterator

import pytest

from include.ledger.postgres import connected
from include.sla.contract import Maintenance, Recorder
from include.sla.judge import judge
from include.sla.memory import InMemoryRecorder
from include.sla.postgres import PostgresRecorder
from include.sla.verdict import excuse
from tests.include.sla.test_recorder_contract import (
    HOURLY,
    MINUTE,
    NOW,
    WINDOW,
    completion,
    define,
    forget_seeds,
)


@pytest.mark.parametrize(
    ("begin", "end", "pipeline", "excused"),
    [
        (10, 20, None, True),
        (10, 20, "batch", True),
        (10, 20, "another", False),
        # Up to the deadline the window could be completed, so until then a maintenance can have hindered it.
        (64, 70, None, True),
        (65, 70, None, False),
        (-20, 0, None, False),
        (-20, 1, None, True),
    ],
)
def test_a_window_that_it_touches_is_excused(begin: int, end: int, pipeline: str | None, excused: bool) -> None:
    """From its beginning up to its deadline, of the same pipeline or of all."""
    one = Maintenance(NOW + begin * MINUTE, NOW + end * MINUTE, "a new disk", "ada", pipeline)
    reason = "maintenance: a new disk (announced by ada)"
    assert excuse(WINDOW, [one]) == (reason if excused else None)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def recorder(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """Yield a recorder with one hourly definition."""
    if request.param == "memory":
        yield InMemoryRecorder([HOURLY])
        return
    with connected(request.getfixturevalue("migrated_uri")) as connection:
        forget_seeds(connection)
        define(connection, [HOURLY])
        yield PostgresRecorder(connection)


def test_misses_are_excused_and_what_was_done_is_done(recorder: Recorder) -> None:
    """A completion in time stays in time, a miss within is excused with its reason, and one behind it is a miss."""
    recorder.known_since(NOW)
    recorder.announce(Maintenance(NOW + 30 * MINUTE, NOW + 130 * MINUTE, "a new disk", "ada"), NOW)
    recorder.log(completion(63))
    judge(recorder, NOW + 250 * MINUTE)
    assert [(one.verdict, one.reason) for one in recorder.verdicts(1)] == [
        ("on_time", "completed in time"),
        ("excused", "maintenance: a new disk (announced by ada)"),
        ("excused", "maintenance: a new disk (announced by ada)"),
        ("missed", "not completed"),
    ]
    assert [one.window_start for one in recorder.violations(1)] == [NOW + 180 * MINUTE]
