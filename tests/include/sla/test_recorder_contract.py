"""Both recorders keep the Protocol's promises."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from include.ledger.postgres import connected
from include.sla.contract import (
    Completion,
    DefinitionVersion,
    Judgement,
    Maintenance,
    RecordedVerdict,
    Recorder,
    SlaType,
    Verdict,
    Violation,
    Window,
)
from include.sla.memory import InMemoryRecorder
from include.sla.postgres import PostgresRecorder

NOW = datetime(2026, 3, 29, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOURLY = DefinitionVersion(1, 1, "batch", SlaType.HOURLY, 5, NOW)
WINDOW = Window(
    definition_id=1,
    version=1,
    pipeline_name="batch",
    start=NOW,
    end=NOW + 60 * MINUTE,
    due=NOW + 65 * MINUTE,
    limit=NOW + 65 * MINUTE,
    reach=NOW + 60 * MINUTE,
)
LATER = NOW + 70 * MINUTE
MISSED = Judgement(WINDOW, Verdict.MISSED, "not completed")
LATE = Judgement(WINDOW, Verdict.LATE, "completed 15 minutes after it was due", NOW + 80 * MINUTE, 15.0)


def define(connection: psycopg.Connection, versions: Sequence[DefinitionVersion]) -> None:
    """Write versions into the history as if they had been made in the past."""
    for version in versions:
        values = asdict(version) | {"owner": "cali", "slack_channel": "sla", "severity": "info", "description": ""}
        names = [*values, "objective_percent"]
        connection.execute(
            f"insert into cali.sla_definition_versions ({', '.join(names)}) "  # noqa: S608
            f"values ({', '.join(f'%({name})s' for name in values)}, 99)",
            values,
        )


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def recorder(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """Yield a recorder that knows one hourly definition."""
    if request.param == "memory":
        yield InMemoryRecorder([HOURLY])
        return
    with connected(request.getfixturevalue("migrated_uri")) as connection:
        forget_seeds(connection)
        define(connection, [HOURLY])
        yield PostgresRecorder(connection)


def forget_seeds(connection: psycopg.Connection) -> None:
    """Leave no definition."""
    connection.execute("truncate cali.sla_definitions, cali.sla_definition_versions cascade")


def completion(minutes: float, to: float | None = None, since: float | None = None, run_id: str = "run") -> Completion:
    """Return a completion so many minutes after the window began, of data from and to such minutes."""
    return Completion(
        "batch",
        run_id,
        NOW + minutes * MINUTE,
        NOW + (minutes if to is None else to) * MINUTE,
        None if since is None else NOW + since * MINUTE,
    )


def recorded(
    judgement: Judgement, at: datetime, replaced_at: datetime | None = None, because: str | None = None
) -> RecordedVerdict:
    """Return the row that a judgement becomes."""
    values = (1, 1, WINDOW.start, WINDOW.end, judgement.verdict, judgement.reason, at)
    return RecordedVerdict(*values, replaced_at=replaced_at, because=because)


def test_definitions_come_with_all_their_versions(recorder: Recorder) -> None:
    """By definition, in their order."""
    assert recorder.definitions() == {1: [HOURLY]}


def test_the_log_is_whole_since_somebody_judges(recorder: Recorder) -> None:
    """The first question begins it, and later ones do not move it."""
    assert recorder.known_since(NOW) == NOW
    assert recorder.known_since(LATER) == NOW


def test_the_first_completion_of_a_window_is_found(recorder: Recorder) -> None:
    """Neither one of older data, nor a later one, nor one that the clock has not reached."""
    assert recorder.first_completion(WINDOW, LATER) is None
    for one in (completion(66), completion(64), completion(63, 59), completion(30), completion(90)):
        recorder.log(one)
    assert recorder.first_completion(WINDOW, LATER) == NOW + 64 * MINUTE
    assert recorder.first_completion(WINDOW, NOW + 64 * MINUTE) == NOW + 64 * MINUTE
    assert recorder.first_completion(WINDOW, NOW + 63 * MINUTE) is None
    assert recorder.first_completion(replace(WINDOW, pipeline_name="ghost"), LATER) is None


def test_a_window_that_asks_for_its_own_data_takes_no_other(recorder: Recorder) -> None:
    """Data that begin later are another day's, data that begin earlier contain it."""
    daily = replace(WINDOW, since=NOW)
    recorder.log(completion(61, since=1))
    assert recorder.first_completion(daily, LATER) is None
    recorder.log(completion(62, since=0))
    assert recorder.first_completion(daily, LATER) == NOW + 62 * MINUTE
    recorder.log(completion(60.5))
    assert recorder.first_completion(daily, LATER) == NOW + 60.5 * MINUTE


def test_a_completion_is_logged_once(recorder: Recorder) -> None:
    """A retry of the same run for the same data does not complete it later, or earlier, than it was."""
    recorder.log(completion(66, 60))
    recorder.log(completion(61, 60))
    assert recorder.first_completion(WINDOW, LATER) == NOW + 66 * MINUTE


def test_a_window_has_one_verdict(recorder: Recorder) -> None:
    """Whoever comes second changes nothing, whatever they decided."""
    assert recorder.judged_until(1) is None
    assert recorder.record(MISSED, LATER)
    assert not recorder.record(LATE, LATER + MINUTE)
    assert recorder.verdicts(1) == [recorded(MISSED, LATER)]
    assert recorder.violations(1) == [Violation(1, NOW, WINDOW.due, LATER, "not completed")]
    assert recorder.judged_until(1) == WINDOW.end
    assert recorder.verdicts(2) == []


@pytest.mark.parametrize("verdict", [Verdict.ON_TIME, Verdict.UNKNOWN, Verdict.EXCUSED])
def test_what_was_not_missed_is_no_violation(recorder: Recorder, verdict: Verdict) -> None:
    """And it is not corrected either."""
    judgement = Judgement(WINDOW, verdict, "so it is")
    assert recorder.record(judgement, LATER)
    assert recorder.violations(1) == []
    assert not recorder.correct(LATE, LATER + MINUTE)
    assert recorder.verdicts(1) == [recorded(judgement, LATER)]


def test_a_late_window_is_a_violation_that_is_over(recorder: Recorder) -> None:
    """It has been completed by the time anybody looks."""
    recorder.record(LATE, LATER + 60 * MINUTE)
    at = LATER + 60 * MINUTE
    assert recorder.violations(1) == [
        Violation(1, NOW, WINDOW.due, at, LATE.reason, LATE.completed_at, 15.0, recovered_at=at)
    ]


def test_a_miss_that_is_completed_becomes_late_and_keeps_its_past(recorder: Recorder) -> None:
    """The correction happens once, and the violation says when it was seen and when it ended."""
    recorder.record(MISSED, LATER)
    assert recorder.belated(LATER, 10) == []
    recorder.log(completion(80))
    assert recorder.belated(LATER, 10) == []
    at = LATER + 20 * MINUTE
    assert recorder.belated(at, 10) == [(WINDOW, NOW + 80 * MINUTE)]
    assert recorder.belated(at, 0) == []
    assert recorder.correct(LATE, at)
    assert not recorder.correct(LATE, at + MINUTE)
    assert recorder.belated(at, 10) == []
    assert recorder.verdicts(1) == [recorded(LATE, at)]
    assert recorder.corrections(1) == [recorded(MISSED, LATER, replaced_at=at, because="completed since")]
    assert recorder.violations(1) == [
        Violation(1, NOW, WINDOW.due, LATER, "not completed", LATE.completed_at, 15.0, recovered_at=at)
    ]


@pytest.mark.parametrize(("to", "since"), [(2, 0), (0, 0.5)])
def test_a_completion_cannot_see_the_future(to: float, since: float) -> None:
    """Nor end before it begins."""
    with pytest.raises(ValueError, match="cannot cover"):
        completion(1, to, since)


def test_whoever_acknowledges_first_stands(recorder: Recorder) -> None:
    """One window or all of a definition; what somebody has acknowledged stays theirs."""
    following = replace(WINDOW, start=WINDOW.end, end=WINDOW.end + 60 * MINUTE)
    recorder.record(MISSED, LATER)
    recorder.record(replace(MISSED, window=following), LATER)
    assert recorder.acknowledge(1, following.start, "ada", LATER) == 1
    assert recorder.acknowledge(1, None, "bob", LATER + MINUTE) == 1
    assert recorder.acknowledge(1, None, "eve", LATER + 2 * MINUTE) == 0
    assert recorder.acknowledge(2, None, "eve", LATER) == 0
    noted = [(one.acknowledged_by, one.acknowledged_at) for one in recorder.violations(1)]
    assert noted == [("bob", LATER + MINUTE), ("ada", LATER)]


EXCUSED = Judgement(WINDOW, Verdict.EXCUSED, "maintenance: a new disk (announced by ada)")
ON_TIME = Judgement(WINDOW, Verdict.ON_TIME, "completed in time", NOW + 50 * MINUTE)


def test_a_corrected_verdict_takes_its_violation_along(recorder: Recorder) -> None:
    """There is a violation exactly where the verdict is one, and the old verdict stays with the reason."""
    recorder.record(MISSED, LATER)
    assert not recorder.correct(ON_TIME, LATER + MINUTE, Verdict.LATE, "wrong")
    assert recorder.correct(EXCUSED, LATER + MINUTE, Verdict.MISSED, "announced too late")
    assert recorder.violations(1) == []
    assert recorder.correct(MISSED, LATER + 2 * MINUTE, Verdict.EXCUSED, "it was not")
    assert recorder.verdicts(1) == [recorded(MISSED, LATER + 2 * MINUTE)]
    assert recorder.corrections(1) == [
        recorded(MISSED, LATER, LATER + MINUTE, "announced too late"),
        recorded(EXCUSED, LATER + MINUTE, LATER + 2 * MINUTE, "it was not"),
    ]


def test_what_a_look_back_finds_counts_as_told(recorder: Recorder) -> None:
    """Nobody is called today for last week; a violation of today is yet to be told."""
    recorder.record(ON_TIME, LATER)
    assert recorder.correct(LATE, LATER + MINUTE, Verdict.ON_TIME, "the log was wrong")
    (violation,) = recorder.violations(1)
    assert (violation.notified_at, violation.minutes_late) == (LATER + MINUTE, 15.0)
    assert recorder.belated(LATER + MINUTE, 10) == []


def test_a_maintenance_is_on_record(recorder: Recorder) -> None:
    """In the order in which they begin."""
    second = Maintenance(LATER, LATER + MINUTE, "a new disk", "ada", "batch")
    first = Maintenance(NOW, LATER, "the annual test", "bob")
    for one in (second, first):
        recorder.announce(one, NOW)
    assert recorder.maintenance() == [first, second]
