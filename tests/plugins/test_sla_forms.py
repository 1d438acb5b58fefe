"""The service levels' forms on a real database."""

import logging
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


def fill(monkeypatch: pytest.MonkeyPatch, **params: Any) -> None:
    """Let Ada trigger a run with these fields."""
    context = {"params": params, "dag_run": SimpleNamespace(triggering_user_name="ada")}
    monkeypatch.setattr(sla_forms, "get_current_context", lambda: context)


SPAN = {"from": "2026-03-02T11:00:00Z", "to": "2026-03-02T14:00:00+01:00"}


def test_a_maintenance_is_announced_and_a_rebuild_excuses_what_was_missed(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the name of whoever triggers it; a dry run changes nothing and says in its log what would."""
    caplog.set_level(logging.INFO)
    database.execute("update cali.sla_definition_versions set valid_from = %s where version = 1", (NOON,))
    PostgresRecorder(database).known_since(NOON)
    fill(monkeypatch, **SPAN, reason="a new disk", pipeline_name="consumer_batch", by=None)
    assert sla_forms.announce()["by"] == "ada"
    rebuilding = {**SPAN, "reason": "announced late", "pipeline_name": None, "sla_type": "all"}
    fill(monkeypatch, **rebuilding, dry_run=True)
    said = {"dry_run": True, "examined": 1, "changes": {"missed to excused": 1}}
    assert sla_forms.rebuild() == said
    assert "missed becomes excused (maintenance: a new disk (announced by ada))" in caplog.text
    assert database.execute("select verdict from cali.sla_verdicts").fetchall() == [("missed",)]
    fill(monkeypatch, **rebuilding, dry_run=False)
    assert sla_forms.rebuild() == said | {"dry_run": False}
    assert database.execute("select verdict from cali.sla_verdicts").fetchall() == [("excused",)]
    kept = database.execute("select verdict, because from cali.sla_verdict_corrections").fetchall()
    assert kept == [("missed", "announced late")]


@pytest.mark.parametrize(
    ("verb", "params", "named"),
    [
        ("announce", {**SPAN, "reason": "  "}, "reason="),
        ("announce", {**SPAN, "reason": "disk", "to": "2026-03-02T10:00:00Z"}, "to=.* is not later"),
        ("announce", {**SPAN, "reason": "disk", "pipeline_name": "bach"}, "pipeline_name='bach' has no service level"),
        ("announce", {"from": SPAN["from"], "reason": "disk", "to": None}, "to=None"),
        ("rebuild", {**SPAN, "reason": "test", "to": SPAN["from"]}, "to=.* is not later"),
        ("rebuild", {**SPAN, "reason": None}, "reason=None"),
        ("rebuild", {**SPAN, "reason": "test", "sla_type": "daily"}, "sla_type goes with a pipeline_name"),
        ("rebuild", {**SPAN, "reason": "test", "pipeline_name": "bach"}, "pipeline_name='bach'"),
    ],
)
def test_a_wrong_span_or_reason_ends_the_run_at_once(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, verb: str, params: Any, named: str
) -> None:
    """Another try would change nothing, and nothing is written."""
    fill(monkeypatch, **params)
    with pytest.raises(AirflowFailException, match=named):
        getattr(sla_forms, verb)()
    assert database.execute("select count(*) from cali.sla_maintenance").fetchall() == [(0,)]
