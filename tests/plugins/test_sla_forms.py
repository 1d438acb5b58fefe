"""The service levels' forms on a real database."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException

from cali import sla_forms
from include.ledger.postgres import connected
from include.sla.contract import Judgement, Verdict, Window
from include.sla.postgres import PostgresRecorder

pytestmark = pytest.mark.integration

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EMPTY = {"pipeline_name": "consumer_batch", "sla_type": "all", "window_start": None, "by": None}


@pytest.fixture
def database(migrated_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """Yield a connection to a new database with one violation, to which the Connection leads."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", migrated_uri.replace("postgresql://", "postgres://"))
    with connected(migrated_uri) as connection:
        (number,) = connection.execute(
            "select definition_id from cali.sla_definitions where pipeline_name = 'consumer_batch'"
        ).fetchall()[0]
        window = Window(number, 1, "consumer_batch", NOON, NOON + HOUR, NOON + HOUR, NOON + HOUR, NOON + HOUR)
        PostgresRecorder(connection).record(Judgement(window, Verdict.MISSED, "not completed"), NOON + HOUR)
        yield connection


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, int]]:
    """Return a function that acknowledges what a form says, triggered by Ada."""

    def asked(**params: Any) -> dict[str, int]:
        context = {"params": EMPTY | params, "dag_run": SimpleNamespace(triggering_user_name="ada")}
        monkeypatch.setattr(sla_forms, "get_current_context", lambda: context)
        return sla_forms.acknowledge()

    return asked


def test_whoever_triggers_the_form_acknowledges(database: psycopg.Connection, ask: Any) -> None:
    """Unless somebody else is named; a second form finds it done."""
    assert ask() == {"acknowledged": 1, "already": 0}
    assert ask(by="bob", window_start=NOON.isoformat()) == {"acknowledged": 0, "already": 1}
    assert database.execute("select acknowledged_by from cali.sla_violations").fetchall() == [("ada",)]


def test_another_name_can_be_filled_in(database: psycopg.Connection, ask: Any) -> None:
    """Who triggers may do so for a colleague."""
    assert ask(by=" bob ", sla_type="hourly") == {"acknowledged": 1, "already": 0}
    assert database.execute("select acknowledged_by from cali.sla_violations").fetchall() == [("bob",)]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"pipeline_name": "ghost"}, "pipeline_name='ghost'"),
        ({"sla_type": "weekly"}, "sla_type='weekly'"),
        ({"window_start": "2026-03-02T11:00:00Z"}, "is no violation"),
        ({"window": None}, "window=None"),
    ],
)
def test_a_wrong_form_ends_the_run_at_once(database: psycopg.Connection, ask: Any, params: Any, named: str) -> None:
    """Another try would change nothing, and nothing is acknowledged."""
    with pytest.raises(AirflowFailException, match=named):
        ask(**params)
    assert database.execute("select acknowledged_by from cali.sla_violations").fetchall() == [(None,)]
