"""Rebuilding verdicts: by the log, with the old ones kept, and once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from include.errors import ConfigurationError
from include.ledger.postgres import connected
from include.sla.acknowledge import Selection
from include.sla.contract import Maintenance, Recorder, SlaType, Verdict
from include.sla.judge import judge
from include.sla.memory import InMemoryRecorder
from include.sla.postgres import PostgresRecorder
from include.sla.rebuild import Change, Span, rebuild
from tests.include.sla.test_judge import (
    BEGIN,
    DAY,
    END,
    HOURS,
    VERDICTS,
    VERSIONS,
    WEEK,
    hand_written,
    live,
    table,
)
from tests.include.sla.test_recorder_contract import HOURLY, MINUTE, NOW, completion, define, forget_seeds

LATER = NOW + 400 * MINUTE
ALL = Span(NOW - DAY, NOW + DAY)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def recorder(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """Yield a recorder with an hourly definition: one window on time, five missed."""
    if request.param == "memory":
        made: Recorder = InMemoryRecorder([HOURLY])
        yield _judged(made)
        return
    with connected(request.getfixturevalue("migrated_uri")) as connection:
        forget_seeds(connection)
        define(connection, [HOURLY])
        yield _judged(PostgresRecorder(connection))


def _judged(recorder: Recorder) -> Recorder:
    recorder.known_since(NOW)
    recorder.log(completion(63))
    judge(recorder, LATER)
    return recorder


def verdicts(recorder: Recorder) -> list[str]:
    """Return each window's verdict."""
    return [str(one.verdict) for one in recorder.verdicts(1)]


def test_a_maintenance_that_was_announced_too_late_excuses_all_the_same(recorder: Recorder) -> None:
    """A dry run says it and does nothing; the rebuild does what was said, keeps the old verdicts, and does it once."""
    recorder.announce(Maintenance(NOW + 70 * MINUTE, NOW + 170 * MINUTE, "a new disk", "ada"), LATER)
    before = recorder.verdicts(1)
    said = rebuild(recorder, None, ALL, "announced late", LATER, dry_run=True)
    assert (said.examined, said.changes) == (6, {"missed to excused": 2})
    assert said.shown[0] == Change(
        "batch",
        NOW + 60 * MINUTE,
        Verdict.MISSED,
        Verdict.EXCUSED,
        "maintenance: a new disk (announced by ada)",
    )
    assert recorder.verdicts(1) == before
    done = rebuild(recorder, None, ALL, "announced late", LATER, dry_run=False)
    assert done == said
    assert verdicts(recorder) == ["on_time", "excused", "excused", "missed", "missed", "missed"]
    assert [(one.verdict, one.because) for one in recorder.corrections(1)] == [("missed", "announced late")] * 2
    assert len(recorder.violations(1)) == 3
    assert rebuild(recorder, None, ALL, "again", LATER, dry_run=False).changes == {}


def test_a_log_that_was_filled_in_turns_the_misses_round(recorder: Recorder) -> None:
    """Completions that were written down too late count from when they were."""
    recorder.log(completion(124, run_id="forgotten"))
    recorder.log(completion(200, run_id="forgotten too"))
    assert rebuild(recorder, None, ALL, "runs were forgotten", LATER, dry_run=False).changes == {
        "missed to on_time": 1,
        "missed to late": 1,
    }
    assert verdicts(recorder) == ["on_time", "on_time", "late", "missed", "missed", "missed"]
    assert [one.minutes_late for one in recorder.violations(1)] == [15.0, None, None, None]


@pytest.mark.parametrize(
    ("span", "examined"),
    [(Span(NOW, NOW + 60 * MINUTE), 1), (Span(NOW + MINUTE, NOW + 121 * MINUTE), 2), (Span(NOW - DAY, NOW), 0)],
)
def test_only_windows_that_begin_in_the_span_are_looked_at(recorder: Recorder, span: Span, examined: int) -> None:
    """From its beginning on, and before its end."""
    assert rebuild(recorder, None, span, "a test", LATER, dry_run=True).examined == examined


def test_where_the_log_is_gone_the_verdict_stays() -> None:
    """Nothing is turned into unknown because housekeeping has been there."""
    recorder = InMemoryRecorder([HOURLY])
    _judged(recorder)
    recorder._completions.clear()
    recorder._known_since = LATER
    assert rebuild(recorder, None, ALL, "a test", LATER, dry_run=False).changes == {}
    assert verdicts(recorder)[0] == "on_time"


def test_the_week_is_rebuilt_to_the_same_verdicts() -> None:
    """What was judged as time went by is what comes out of the log afterwards, whatever was defined midway."""
    recorder = InMemoryRecorder(VERSIONS)
    live(recorder, WEEK, HOURS)
    report = rebuild(recorder, None, Span(BEGIN - DAY, END), "a test", HOURS[-1], dry_run=False)
    assert (report.examined, report.changes) == (len(hand_written(VERDICTS)), {})
    assert table(recorder) == hand_written(VERDICTS)


@pytest.mark.parametrize(
    ("selection", "because", "named"),
    [
        (Selection("bach"), "a test", "pipeline_name='bach' has no such service level"),
        (Selection("batch", SlaType.DAILY), "a test", "has no such service level"),
        (None, "  ", "reason is empty"),
    ],
)
def test_what_nobody_can_mean_is_refused(selection: Selection | None, because: str, named: str) -> None:
    """By name."""
    with pytest.raises(ConfigurationError, match=named):
        rebuild(InMemoryRecorder([HOURLY]), selection, ALL, because, LATER, dry_run=True)


def test_a_span_has_an_end() -> None:
    """Behind its beginning."""
    with pytest.raises(ConfigurationError, match="is not later than from="):
        Span(NOW, NOW - timedelta(seconds=1))
