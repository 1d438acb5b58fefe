"""What the views say of verdicts whose figures are worked out by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

import psycopg
import pytest

from include.ledger.postgres import connected
from include.sla.contract import DefinitionVersion, SlaType
from include.sla.postgres import PostgresRecorder
from include.sla.windows import windows
from tests.include.sla.attained import judged, promise, record, rows
from tests.include.sla.test_recorder_contract import forget_seeds

pytestmark = pytest.mark.integration

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ATTAINED = """
    select days, windows, on_time, late, missed, excused, unknown, percent_on_time, minutes_late, budget_left_percent
    from cali.sla_attainment order by days
"""


@pytest.fixture
def database(migrated_uri: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to a database without a definition."""
    with connected(migrated_uri) as connection:
        forget_seeds(connection)
        yield connection


def test_attainment_is_what_was_worked_out_by_hand(database: psycopg.Connection) -> None:
    """Three days of hours with an objective of 90 percent.

    The newest day has 24 windows: 1 unknown and 1 excused leave 22, of which 20 are on time: 90.909 percent. Of the
    2.2 that may be bad, 2 are: 9.1 percent of the budget are left. The three days have 72 windows, 2 out, 70 left, and
    9 of them bad, where 7 may be: 87.143 percent, and the budget is overspent by 28.6 percent.
    """
    of = promise(database, "batch", "hourly", 5, LONG_AGO, objective_percent=90)
    judged(database, of, "+" * 24 + "-" * 5 + "ll" + "+" * 17 + "+" * 10 + "?x-l" + "+" * 10, NOON, HOUR)
    assert rows(database, ATTAINED) == [
        (1, 22, 20, 1, 1, 1, 1, Decimal("90.909"), Decimal("7.5"), Decimal("9.1")),
        (7, 70, 61, 3, 6, 1, 1, Decimal("87.143"), Decimal("22.5"), Decimal("-28.6")),
        (30, 70, 61, 3, 6, 1, 1, Decimal("87.143"), Decimal("22.5"), Decimal("-28.6")),
    ]


@pytest.mark.parametrize("verdicts", ["", "????", "?x??"])
def test_without_data_there_is_no_figure(database: psycopg.Connection, verdicts: str) -> None:
    """Neither 0 nor 100 percent, and no rate, so nothing burns and nothing is calm."""
    of = promise(database, "batch", "hourly", 5, LONG_AGO)
    judged(database, of, verdicts, NOON, HOUR)
    assert [row[7:] for row in rows(database, ATTAINED)] == [(None, Decimal(0), None)] * 3
    assert rows(database, "select distinct long_rate, short_rate, calm from cali.sla_burn_rates") == [(None,) * 3]
    assert rows(database, "select distinct burning from cali.sla_burn_rates") == [(False,)]


def test_a_figure_stands_still_while_nobody_judges(database: psycopg.Connection) -> None:
    """A miss of years ago is still in the last day, if it is the last thing that anybody knows."""
    of = promise(database, "batch", "hourly", 5, LONG_AGO)
    judged(database, of, "-+++", NOON - 2_000 * DAY, HOUR)
    assert rows(database, "select percent_on_time from cali.sla_attainment where days = 1") == [(Decimal("75.000"),)]


def test_a_day_is_a_day_of_the_place(database: psycopg.Connection) -> None:
    """The night that loses an hour belongs to one day, which is the last one alone."""
    of = promise(database, "report", "daily", 540, LONG_AGO, time_zone="Europe/Berlin")
    versions = [DefinitionVersion(of, 1, "report", SlaType.DAILY, 540, LONG_AGO, time_zone="Europe/Berlin")]
    recorder = PostgresRecorder(database)
    for window in windows(versions, datetime(2026, 3, 20, 23, tzinfo=UTC)):
        record(recorder, of, "-" if window.end - window.start < DAY else "+", window.start, window.end)
        if window.end - window.start < DAY:
            break
    counted = rows(database, "select days, windows, missed from cali.sla_attainment where days < 30 order by days")
    assert counted == [(1, 1, 1), (7, 7, 1)]


@pytest.mark.parametrize(
    ("sla_type", "minutes", "verdicts", "objective", "expected"),
    [
        # 12 windows of five minutes make the hour. 2 of 12 bad of 1 in 100: 16.67 times; the newest one: 100 times.
        ("realtime", 5, "++++++++++--", 99, [(12, 2, 16.67, 100, True, False), (12, 2, 16.67, 33.33, True, False)]),
        # The same two, but the newest window was on time: the hour's rule is calm, the other burns for half an hour.
        ("realtime", 5, "+++++++++--+", 99, [(12, 2, 16.67, 0, False, True), (12, 2, 16.67, 33.33, True, False)]),
        # One missed window of few is no trend, however high the rate.
        ("realtime", 5, "-", 99, [(1, 1, 100, 100, False, False), (1, 1, 100, 100, False, False)]),
        ("hourly", 5, "+++++-", 99, [(1, 1, 100, 100, False, False), (6, 1, 16.67, 100, False, False)]),
        # Two of six hours.
        ("hourly", 5, "+++-+l", 99, [(1, 1, 100, 100, False, False), (6, 2, 33.33, 100, True, False)]),
        # Two of 72 windows within six hours, of 0.1 percent: 27.78 times, 14.4 not reached by the newest hour's none.
        (
            "realtime",
            5,
            "--" + 70 * "+",
            99.9,
            [(12, 0, 0, 0, False, True), (72, 2, 27.78, 0, False, True)],
        ),
        # Just the threshold is not above it: 6 of 100 windows of an objective of 99.
        ("realtime", 3, 94 * "+" + 6 * "-", 99, [(20, 6, 30, 100, True, False), (100, 6, 6, 60, False, False)]),
        # Unknown and excused windows are no part of it, and where only they are new, nothing can be told.
        ("realtime", 5, "--????????xx", 99, [(2, 2, 100, None, None, None), (2, 2, 100, None, None, None)]),
        # With an objective of 100 there is no budget that could burn.
        ("realtime", 5, "+----", 100, [(5, 4, None, None, None, None), (5, 4, None, None, None, None)]),
    ],
)
def test_burn_rates_are_what_was_worked_out_by_hand(
    database: psycopg.Connection,
    sla_type: str,
    minutes: int,
    verdicts: str,
    objective: float,
    expected: list[tuple[object, ...]],
) -> None:
    """By the workbook's two rules: 14.4 times within an hour and five minutes, 6 times within six hours and thirty."""
    of = promise(database, "p", sla_type, minutes, LONG_AGO, objective_percent=objective)
    judged(database, of, verdicts, NOON, HOUR if sla_type == "hourly" else minutes * MINUTE)
    found = rows(
        database,
        """
        select windows, bad, long_rate::float, short_rate::float, burning, calm
        from cali.sla_burn_rates order by long_minutes
        """,
    )
    assert found == expected


@pytest.mark.parametrize(
    ("letter", "minutes_later", "state"),
    [
        ("+", 0, "on_time"),
        ("l", 0, "late"),
        ("-", 0, "missed"),
        ("?", 0, "unknown"),
        ("x", 0, "excused"),
        # The next window is due after 10 minutes, has 3 of grace, and the monitor five to come by.
        ("+", 18, "on_time"),
        ("+", 18.1, "unknown"),
        ("-", 18.1, "unknown"),
    ],
)
def test_a_definition_stands_as_its_newest_verdict_says(
    database: psycopg.Connection, letter: str, minutes_later: float, state: str
) -> None:
    """Unless the next verdict is overdue: what is not known does not stay green."""
    of = promise(database, "drain", "realtime", 10, LONG_AGO, grace_minutes=3)
    judged(database, of, "+" + letter, NOON, 10 * MINUTE)
    found = rows(
        database,
        "select state, judged_until, next_due_at from cali.sla_states_at(%s)",
        NOON + minutes_later * MINUTE,
    )
    assert found == [(state, NOON, NOON + 10 * MINUTE)]


def test_a_definition_without_a_verdict_is_unknown(database: psycopg.Connection) -> None:
    """And one that is disabled is off, whatever its last verdict was."""
    promise(database, "new", "hourly", 5, LONG_AGO)
    disabled = promise(database, "old", "hourly", 5, LONG_AGO, enabled=False)
    judged(database, disabled, "-", NOON, HOUR)
    found = rows(database, "select pipeline_name, state, next_due_at from cali.sla_states order by 1")
    assert found == [("new", "unknown", None), ("old", "off", None)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Seoul", "America/St_Johns", "Asia/Kathmandu"])
@pytest.mark.parametrize(("sla_type", "minutes"), [("daily", 540), ("daily", 1_500), ("hourly", 5), ("realtime", 7)])
def test_the_next_deadline_is_the_one_that_will_be_judged(
    database: psycopg.Connection, zone: str, sla_type: str, minutes: int
) -> None:
    """SQL and the judge agree, on either side of a night that loses or repeats an hour."""
    of = promise(database, "p", sla_type, minutes, LONG_AGO, time_zone=zone)
    versions = [DefinitionVersion(of, 1, "p", SlaType(sla_type), minutes, LONG_AGO, time_zone=zone)]
    recorder = PostgresRecorder(database)
    expected, found = [], []
    for begin in (datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)):
        start = next(window.end for window in windows(versions) if window.end >= begin)
        for window in islice(windows(versions, start), 4 if sla_type == "daily" else 60):
            record(recorder, of, "+", window.start, window.end)
            expected.append(next(windows(versions, window.end)).due)
            found += rows(database, "select next_due_at from cali.sla_states_at(%s)", window.end)
    assert [due for (due,) in found] == expected
