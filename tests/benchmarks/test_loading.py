"""The strategies load the same rows, each once, and their figures are told and drawn."""

from typing import Any

import psycopg
import pytest

from include.streams.transactions.cards import KEY_VARIABLE
from tests.benchmarks.lines import lines_svg
from tests.benchmarks.loading import _rows, picture, render
from tests.benchmarks.strategies import STRATEGIES, Pace

RESULT: dict[str, Any] = {
    "rows": [
        {
            "strategy": name,
            "asked": rate,
            "rate": rate,
            "p50_ms": 2.0,
            "p95_ms": 10.0 * rate,
            "client_us": 300.0,
            "server_us": 100.0,
        }
        for rate in (100, 2_000)
        for name in STRATEGIES
    ]
}


@pytest.mark.integration
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_loads_each_row_once(name: str, migrated_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fell due is in the table, and of each row it is known how long it took."""
    import time

    monkeypatch.setenv(KEY_VARIABLE, "0" * 32)
    rows = _rows(60)
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        for day in sorted({at.date() for at in rows.column("created_at").to_pylist()}):
            connection.execute("select cali.transactions_day(%s)", [day])
        started = time.monotonic()
        waited = STRATEGIES[name](migrated_uri, Pace(rows, 200, started, started + 30))
        found = connection.execute("select tx_id from cali.transactions order by 1").fetchall()
    assert [tx_id for (tx_id,) in found] == sorted(rows.column("tx_id").to_pylist())
    assert len(waited) == 60
    assert min(waited) > 0


def test_the_table_and_the_picture_name_every_strategy() -> None:
    """The picture has a point for each rate of each of them."""
    table, drawn = render(RESULT), picture(RESULT)
    assert all(name in table and name in drawn for name in STRATEGIES)
    assert drawn.count("<circle") == len(RESULT["rows"])


def test_a_line_is_as_high_as_its_value_says() -> None:
    """Ten times as much is as far above as ten times that; the names are escaped."""
    drawn = lines_svg({"<a>": [(1, 1.0), (2, 10.0), (3, 100.0)]}, "title", "x")
    heights = [float(part.split('"')[0]) for part in drawn.split('cy="')[1:]]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2])
    assert "<a>" not in drawn
