"""What the board is told, from rows that are known."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from include.ledger.postgres import connected
from include.sla.board import VIOLATIONS, WINDOWS, board
from tests.include.sla.attained import judged, promise
from tests.include.sla.test_recorder_contract import forget_seeds

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def database(migrated_uri: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to a database without a definition."""
    with connected(migrated_uri) as connection:
        forget_seeds(connection)
        yield connection


def shown(database: psycopg.Connection) -> list[dict[str, Any]]:
    """Return the definitions as a browser reads them."""
    told = json.loads(json.dumps(board(database, NOW)))
    assert told["now"] == "2026-03-20T12:00:00+00:00"
    return list(told["definitions"])


def test_without_a_definition_the_board_is_empty(database: psycopg.Connection) -> None:
    """And no error."""
    assert shown(database) == []


def test_a_definition_comes_with_all_that_is_known_of_it(database: psycopg.Connection) -> None:
    """Its strip ends with the newest window; of what is open the newest is spelt out and the others are counted."""
    of = promise(database, "batch", "hourly", 5, NOW - timedelta(days=60), owner="team", objective_percent=90)
    judged(database, of, "+" * 60 + "l" + "-" * 8, NOW, HOUR)
    promise(database, "another", "daily", 540, NOW)
    another, one = shown(database)
    assert (another["windows"], another["violations"], another["next_due_at"]) == ([], [], None)
    assert [figure["percent_on_time"] for figure in another["attainment"]] == [None] * 3
    assert (one["pipeline_name"], one["sla_type"], one["owner"], one["objective_percent"]) == (
        *("batch", "hourly", "team"),
        90.0,
    )
    assert len(one["windows"]) == WINDOWS
    assert [window["verdict"] for window in one["windows"]][-10:] == ["on_time", "late"] + ["missed"] * 8
    assert one["windows"][-1]["window_end"] == "2026-03-20T12:00:00+00:00"
    assert one["next_due_at"] == "2026-03-20T13:05:00+00:00"
    assert (one["open_violations"], one["unacknowledged"], len(one["violations"])) == (8, 8, VIOLATIONS)
    assert one["violations"][0]["due_at"] == "2026-03-20T12:00:00+00:00"
    assert [figure["on_time"] for figure in one["attainment"]] == [15, 60, 60]


def test_what_nobody_has_seen_comes_first(database: psycopg.Connection) -> None:
    """However new the acknowledged ones are."""
    of = promise(database, "batch", "hourly", 5, NOW - timedelta(days=60))
    judged(database, of, "-" * 4, NOW, HOUR)
    database.execute(
        "update cali.sla_violations set acknowledged_at = %s, acknowledged_by = 'ada' where due_at > %s",
        [NOW, NOW - 2 * HOUR],
    )
    (one,) = shown(database)
    assert [missed["acknowledged_by"] for missed in one["violations"]] == [None, None, "ada", "ada"]
    assert (one["open_violations"], one["unacknowledged"]) == (4, 2)


def test_a_disabled_definition_is_shown_as_off(database: psycopg.Connection) -> None:
    """And a deleted one is not shown."""
    promise(database, "batch", "hourly", 5, NOW, enabled=False)
    promise(database, "gone", "hourly", 5, NOW)
    database.execute("delete from cali.sla_definitions where pipeline_name = 'gone'")
    assert [(one["pipeline_name"], one["state"]) for one in shown(database)] == [("batch", "off")]
