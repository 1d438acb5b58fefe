"""A simulated week, and what the judge must make of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from textwrap import dedent
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ConfigurationError
from include.ledger.postgres import connected
from include.sla.contract import Completion, DefinitionVersion, Recorder, SlaType
from include.sla.judge import judge
from include.sla.memory import InMemoryRecorder
from include.sla.postgres import PostgresRecorder
from tests.include.sla.test_recorder_contract import define, forget_seeds

BERLIN = ZoneInfo("Europe/Berlin")
SEOUL = ZoneInfo("Asia/Seoul")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def at(text: str, zone: ZoneInfo | None = None) -> datetime:
    """Return an instant of 2026, or of the year that is given, in UTC or by the clock on a wall."""
    text = text if text.count("-") == 2 else f"2026-{text}"
    return datetime.fromisoformat(text).replace(tzinfo=zone or UTC).astimezone(UTC)


# From Thursday 26 March to Wednesday 1 April 2026: Berlin loses an hour on Sunday the 29th, the month ends on Tuesday.
BEGIN = at("03-26 00:00")
BERLIN_DAY = DefinitionVersion(1, 1, "berlin", SlaType.DAILY, 540, at("03-26 00:00", BERLIN), time_zone="Europe/Berlin")
SEOUL_DAY = DefinitionVersion(2, 1, "seoul", SlaType.DAILY, 60, at("03-27 00:00", SEOUL), time_zone="Asia/Seoul")
BATCH = [
    DefinitionVersion(3, 1, "batch", SlaType.HOURLY, 5, at("03-30 20:30"), at("03-30 23:30"), grace_minutes=2),
    # From half an hour before midnight on it has half an hour; then it is switched off for two, and at last deleted.
    DefinitionVersion(3, 2, "batch", SlaType.HOURLY, 30, at("03-30 23:30"), at("03-31 02:10")),
    DefinitionVersion(3, 3, "batch", SlaType.HOURLY, 30, at("03-31 02:10"), at("03-31 04:10"), enabled=False),
    DefinitionVersion(3, 4, "batch", SlaType.HOURLY, 30, at("03-31 04:10"), at("03-31 07:40")),
]
LAG = [
    DefinitionVersion(4, 1, "drain", SlaType.REALTIME, 20, at("03-29 00:30"), at("03-29 01:30")),
    DefinitionVersion(4, 2, "drain", SlaType.REALTIME, 30, at("03-29 01:30"), at("03-29 02:50")),
]
VERSIONS = [BERLIN_DAY, SEOUL_DAY, *BATCH, *LAG]


def day(pipeline: str, of: str, done: str, zone: ZoneInfo, run_id: str = "scheduled") -> Completion:
    """Return an aggregation of a local day that was done at a local time."""
    begin = at(f"{of} 00:00", zone)
    end = (begin.astimezone(zone) + DAY).astimezone(UTC)
    return Completion(pipeline, f"{run_id}-{of}", at(done, zone), covers_to=end, covers_from=begin)


def beat(pipeline: str, done: str, to: str | None = None) -> Completion:
    """Return a completion at a time, of all that had arrived until then or until an earlier one."""
    return Completion(pipeline, f"run-{done}", at(done), covers_to=at(to or done))


WEEK = [
    day("berlin", "03-26", "03-27 08:59", BERLIN),
    day("berlin", "03-27", "03-28 09:00", BERLIN),
    # By UTC an hour earlier than yesterday's nine o'clock: the clocks went forward in the night.
    day("berlin", "03-28", "03-29 09:01", BERLIN),
    # The day of 23 hours is only done by a backfill two days later, twice.
    day("berlin", "03-29", "03-31 10:00", BERLIN, "backfill"),
    day("berlin", "03-29", "03-31 11:00", BERLIN, "backfill-again"),
    # A month's end, and an aggregation that was told twice.
    day("berlin", "03-31", "04-01 07:00", BERLIN),
    day("berlin", "03-31", "04-01 12:00", BERLIN),
    day("seoul", "03-27", "03-28 00:30", SEOUL),
    day("seoul", "03-28", "03-29 01:30", SEOUL),
    # A backfill of old days is no completion of the new one.
    day("seoul", "03-26", "03-30 00:10", SEOUL, "backfill"),
    day("seoul", "03-30", "03-31 00:10", SEOUL),
    day("seoul", "03-31", "04-01 01:00", SEOUL),
    beat("batch", "03-30 21:59"),
    beat("batch", "03-30 22:04"),
    beat("batch", "03-30 23:06:30"),
    # A replay of yesterday's data at the very moment when today's were due.
    beat("batch", "03-31 00:01", "03-30 12:00"),
    beat("batch", "03-31 00:12"),
    beat("batch", "03-31 01:45"),
    beat("batch", "03-31 06:01"),
    beat("drain", "03-29 00:45"),
    beat("drain", "03-29 00:45"),
    # The drain comes back with a backlog, and needs a second run to be through it.
    beat("drain", "03-29 01:50", "03-29 00:50"),
    beat("drain", "03-29 01:55", "03-29 01:54"),
    beat("drain", "03-29 02:29", "03-29 02:29"),
]
"""What completed, in no order that matters."""

END = at("04-01 15:00")
VERDICTS = """
    berlin 03-25 23:00 on_time
    berlin 03-26 23:00 on_time
    berlin 03-27 23:00 late 1
    berlin 03-28 23:00 late 1500
    berlin 03-29 22:00 missed
    berlin 03-30 22:00 on_time
    seoul 03-26 15:00 on_time
    seoul 03-27 15:00 late 30
    seoul 03-28 15:00 missed
    seoul 03-29 15:00 on_time
    seoul 03-30 15:00 on_time
    batch 03-30 21:00 on_time
    batch 03-30 22:00 on_time
    batch 03-30 23:00 late 7
    batch 03-31 00:00 late 15
    batch 03-31 01:00 excused
    batch 03-31 02:00 excused
    batch 03-31 05:00 on_time
    batch 03-31 06:00 missed
    batch 03-31 07:00 excused
    drain 03-29 00:40 on_time
    drain 03-29 01:00 late 35
    drain 03-29 01:20 late 15
    drain 03-29 01:40 on_time
    drain 03-29 02:30 excused
"""

HOURS = [BEGIN + hours * timedelta(hours=1) for hours in range(160)]
"""When somebody looks, up to the last evening in Berlin."""


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def recorder(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """Yield a recorder of the week's definitions."""
    if request.param == "memory":
        yield InMemoryRecorder(VERSIONS)
        return
    with connected(request.getfixturevalue("migrated_uri")) as connection:
        forget_seeds(connection)
        define(connection, VERSIONS)
        yield PostgresRecorder(connection)


def table(recorder: Recorder, before: datetime = END) -> list[str]:
    """Return the verdicts of windows that begin before an instant, one a line, with the minutes of delay."""
    lines = []
    for definition_id, versions in recorder.definitions().items():
        late = {one.window_start: one.minutes_late for one in recorder.violations(definition_id)}
        for one in recorder.verdicts(definition_id):
            minutes = late.get(one.window_start)
            words = [versions[0].pipeline_name, f"{one.window_start:%m-%d %H:%M}", one.verdict]
            if one.window_start < before:
                lines.append(" ".join([*words, f"{minutes:g}"] if minutes is not None else words))
    return lines


def hand_written(text: str) -> list[str]:
    """Return the lines of a table that a person wrote."""
    return dedent(text).strip().splitlines()


def live(recorder: Recorder, completions: Sequence[Completion], steps: Sequence[datetime]) -> None:
    """Let the week pass: at each step what has completed by then is in the log, and the judge looks."""
    recorder.known_since(BEGIN - DAY)
    left = sorted(completions, key=lambda one: one.completed_at)
    for now in steps:
        while left and left[0].completed_at <= now:
            recorder.log(left.pop(0))
        judge(recorder, now)


def test_a_week_gets_exactly_the_verdicts_that_were_written_down(recorder: Recorder) -> None:
    """Each window once, whatever was late, paused, told twice, filled in afterwards or defined anew."""
    live(recorder, WEEK, HOURS)
    assert table(recorder) == hand_written(VERDICTS)


def test_a_judge_that_was_away_for_a_week_says_the_same() -> None:
    """Nobody looked until its end, and nothing is missing."""
    recorder = InMemoryRecorder(VERSIONS)
    live(recorder, WEEK, HOURS[-1:])
    assert table(recorder) == hand_written(VERDICTS)
    assert [recorder.corrections(number) for number in range(1, 5)] == [[], [], [], []]


def test_a_year_later_the_log_is_gone_and_nobody_pretends_to_know() -> None:
    """Where the log of completions does not reach back, a window without a completion is unknown."""
    recorder = InMemoryRecorder(VERSIONS)
    recorder.known_since(at("03-30 12:00"))
    live(recorder, [WEEK[0]], HOURS[-1:])
    assert table(recorder, at("03-31 00:00"))[:8] == hand_written("""
        berlin 03-25 23:00 on_time
        berlin 03-26 23:00 unknown
        berlin 03-27 23:00 unknown
        berlin 03-28 23:00 unknown
        berlin 03-29 22:00 unknown
        berlin 03-30 22:00 missed
        seoul 03-26 15:00 unknown
        seoul 03-27 15:00 unknown
    """)


def test_a_leap_day_is_a_day() -> None:
    """And it is not the first of March."""
    begin, end = at("2028-02-28 00:00", BERLIN), at("2028-03-02 00:00", BERLIN)
    recorder = InMemoryRecorder([replace(BERLIN_DAY, valid_from=begin, valid_to=end, deadline_minutes=120)])
    recorder.known_since(begin)
    for of, done in (("2028-02-28", "2028-02-29 02:00"), ("2028-02-29", "2028-03-01 02:10")):
        recorder.log(day("berlin", of, done, BERLIN))
    judge(recorder, at("2028-03-05 00:00"))
    assert table(recorder, at("2028-03-05 00:00")) == hand_written("""
        berlin 02-27 23:00 on_time
        berlin 02-28 23:00 late 10
        berlin 02-29 23:00 excused
    """)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 159 * 60), max_size=12), st.integers(1, 5))
def test_in_however_many_steps_the_verdicts_are_the_same(minutes: list[int], most: int) -> None:
    """Whenever somebody looks, and however few windows are judged at a time."""
    recorder = InMemoryRecorder(VERSIONS)
    live(recorder, WEEK, sorted(BEGIN + minute * MINUTE for minute in minutes))
    for one in sorted(WEEK, key=lambda completion: completion.completed_at):
        recorder.log(one)
    while judge(recorder, HOURS[-1], most).more:
        pass
    assert table(recorder) == hand_written(VERDICTS)


def test_a_bound_is_kept_and_the_rest_is_left_for_the_next_time(recorder: Recorder) -> None:
    """Each definition gets its share, so a long backlog of one holds up no other."""
    recorder.known_since(BEGIN)
    report = judge(recorder, HOURS[-1], 2)
    assert (report.verdicts.total(), report.more) == (8, True)
    assert [len(recorder.verdicts(number)) for number in range(1, 5)] == [2, 2, 2, 2]


class KilledError(Exception):
    """The process is gone."""


def test_a_judge_that_is_killed_loses_and_doubles_nothing(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one goes on behind the last verdict that was committed."""
    recorder.known_since(BEGIN - DAY)
    for one in WEEK:
        recorder.log(one)
    record = recorder.record

    def until_killed(judgement: object, now: datetime) -> bool:
        if judgement.window.start >= at("03-29 00:00"):  # type: ignore[attr-defined]
            raise KilledError
        return record(judgement, now)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "record", until_killed)
        with pytest.raises(KilledError):
            judge(recorder, HOURS[-1])
    assert 0 < len(table(recorder)) < len(hand_written(VERDICTS))
    report = judge(recorder, HOURS[-1])
    assert table(recorder) == hand_written(VERDICTS)
    assert report.verdicts.total() < len(hand_written(VERDICTS))
    assert judge(recorder, HOURS[-1]).verdicts.total() == 0


def test_a_definition_that_makes_no_sense_holds_up_no_other() -> None:
    """The others are judged, and then it is named."""
    recorder = InMemoryRecorder([replace(BERLIN_DAY, time_zone="Europe/Atlantis"), SEOUL_DAY])
    with pytest.raises(ConfigurationError, match="Europe/Atlantis"):
        judge(recorder, END)
    assert [one.verdict for one in recorder.verdicts(2)][:1] == ["unknown"]


@pytest.fixture
def connection(migrated_uri: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to a database with the definitions that everybody begins with."""
    with connected(migrated_uri) as opened:
        yield opened


@pytest.mark.integration
def test_a_row_is_all_that_a_new_promise_needs(connection: psycopg.Connection) -> None:
    """A pipeline that nothing runs is missed within three minutes of its row."""
    recorder = PostgresRecorder(connection)
    (now,) = connection.execute("select clock_timestamp()").fetchall()[0]
    recorder.known_since(now)
    connection.execute(
        "insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes) values ('ghost', 'realtime', 1)"
    )
    (ghost,) = [versions[0] for versions in recorder.definitions().values() if versions[0].pipeline_name == "ghost"]
    judge(recorder, now + 3 * MINUTE)
    assert {one.verdict for one in recorder.verdicts(ghost.definition_id)} == {"missed"}
    assert len(recorder.violations(ghost.definition_id)) >= 1


@pytest.mark.integration
def test_a_changed_definition_leaves_its_past_alone(connection: psycopg.Connection) -> None:
    """An update is the next version, one that changes nothing is none, and a deletion is the end."""
    for _ in range(2):
        connection.execute(
            "update cali.sla_definitions set deadline_minutes = 7 where pipeline_name = 'consumer_batch'"
        )
    connection.execute("delete from cali.sla_definitions where pipeline_name = 'consumer_batch'")
    versions = connection.execute(
        "select version, deadline_minutes, valid_from, valid_to from cali.sla_definition_versions "
        "where pipeline_name = 'consumer_batch' order by version"
    ).fetchall()
    assert [(version, minutes) for version, minutes, _, _ in versions] == [(1, 5), (2, 7)]
    assert versions[0][3] == versions[1][2] < versions[1][3]


@pytest.mark.integration
@pytest.mark.parametrize("zone", ["Europe/Atlantis", "UTC+3", ""])
def test_a_time_zone_that_nobody_knows_is_refused(connection: psycopg.Connection, zone: str) -> None:
    """Whoever writes the row is told, and not the judge a day later."""
    with pytest.raises(psycopg.errors.CheckViolation, match="is not known: give an IANA name"):
        connection.execute("update cali.sla_definitions set time_zone = %s", (zone,))


@pytest.mark.integration
def test_everybody_begins_with_these_promises(connection: psycopg.Connection) -> None:
    """The streams' lag, the batches, and the daily aggregation."""
    rows = connection.execute(
        "select pipeline_name, sla_type, deadline_minutes, enabled from cali.sla_definitions order by 1"
    ).fetchall()
    assert rows == [
        ("consumer_batch", "hourly", 5, True),
        ("daily_aggregation", "daily", 540, True),
        ("logs_drain", "realtime", 5, True),
        ("transactions_daily", "daily", 540, False),
        ("transactions_drain", "realtime", 5, False),
    ]
