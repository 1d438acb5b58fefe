"""A run's deadline: who hangs is told of once, who has ended is not, and the end is told once."""

import importlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied

from cali import deadlines, incidents, sla
from include.errors import TransientError
from include.ledger.postgres import connected
from include.sla.incidents.causes import Failure, note_failure

QUEUED = datetime(2026, 3, 2, 12, tzinfo=UTC)


def context(state: str = "running", run_id: str = "scheduled__2026-03-02T12:00:00+00:00") -> dict[str, Any]:
    """Return what Airflow gives a deadline's callback."""
    run = {"dag_id": "logs_drain", "dag_run_id": run_id, "state": state, "queued_at": "2026-03-02T12:00:00Z"}
    return {"dag_run": run, "deadline": {"id": "0", "deadline_time": QUEUED + timedelta(minutes=9)}}


@pytest.fixture
def database(migrated_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """Yield a connection to a new database, to which the Connection leads."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", migrated_uri.replace("postgresql://", "postgres://"))
    with connected(migrated_uri) as connection:
        yield connection


def slack(database: psycopg.Connection) -> list[str]:
    """Return the texts that wait for Slack."""
    rows = database.execute("select payload ->> 'text' from cali.alert_outbox order by id").fetchall()
    return [text for (text,) in rows]


def test_a_callback_is_found_again_by_its_name() -> None:
    """Airflow keeps the path, and imports it where it is run: it is no DAG file's."""
    path = deadlines.deadline(60).callback.path
    module, _, name = path.rpartition(".")
    assert (module, getattr(importlib.import_module(module), name)) == ("cali.deadlines", deadlines.overdue)


@pytest.mark.integration
def test_a_run_that_hangs_is_told_of_once(database: psycopg.Connection) -> None:
    """However often its callback is called, with what failed of it and where to look; another run is another one."""
    failure = Failure("logs_drain", "drain", 1, QUEUED, "ValueError: S3 did not answer", None)
    note_failure(database, context()["dag_run"]["dag_run_id"], -1, failure)
    for _ in range(3):
        deadlines.overdue(context())
    deadlines.overdue(context(run_id="manual"))
    first, second = slack(database)
    assert first == (
        "🔴 logs_drain hangs. The run scheduled__2026-03-02T12:00:00+00:00 ends within 9 minutes. "
        "drain failed 1 times: ValueError: S3 did not answer"
    )
    assert second == (
        "🔴 logs_drain hangs. The run manual ends within 9 minutes. "
        "no try of a task of it has failed, so one hangs or waits for a worker"
    )
    urls = database.execute("select url from cali.sla_incidents order by incident_id").fetchall()
    assert urls[0] == ("http://localhost:8080/dags/logs_drain/runs/scheduled__2026-03-02T12%3A00%3A00%2B00%3A00",)


@pytest.mark.integration
@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_run_that_has_ended_does_not_hang(database: psycopg.Connection, state: str) -> None:
    """A deadline also comes to a run that has failed before it: that one is told by what it did not complete."""
    deadlines.overdue(context(state))
    assert database.execute("select count(*) from cali.sla_incidents").fetchall() == [(0,)]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("of_state", "words"), [({"failed": 1}, "the run has failed"), ({}, "the run has ended")], ids=["failed", "gone"]
)
def test_its_end_is_told_once(database: psycopg.Connection, of_state: dict[str, int], words: str) -> None:
    """By Airflow's own count, however it ended and also when somebody has removed it; and it cannot hang again."""
    asked: list[str] = []

    def count(under_way: int) -> Any:
        def counted(dag_id: str, run_ids: list[str], states: list[str]) -> int:
            asked.append(json.dumps([dag_id, run_ids]))
            return under_way if "running" in states else sum(of_state.get(state, 0) for state in states)

        return counted

    deadlines.overdue(context(run_id="manual"))
    assert deadlines.end_overdue(database, count(1)) == 0
    assert [deadlines.end_overdue(database, count(0)) for _ in range(2)] == [1, 0]
    assert set(asked) == {'["logs_drain", ["manual"]]'}
    deadlines.overdue(context(run_id="manual"))
    assert [text.split(".")[0].split(",")[0] for text in slack(database)] == [
        "🔴 logs_drain hangs",
        f"🟢 logs_drain: {words}",
    ]


@pytest.mark.integration
def test_whom_it_concerns_stands_in_the_service_level(database: psycopg.Connection) -> None:
    """The same people and channel as for the pipeline's windows."""
    database.execute("update cali.sla_definitions set owner = 'ada', slack_channel = 'lake', severity = 'critical'")
    deadlines.overdue(context())
    rows = database.execute("select owner, channel, severity from cali.sla_incidents").fetchall()
    assert rows == [("ada", "lake", "critical")]


@pytest.mark.integration
def test_a_callback_that_may_not_ask_for_connections_tells_all_the_same(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's API lets no callback read them: people are told, and the monitor drops an event that nobody wants."""

    def denied() -> Any:
        raise AirflowSecretsBackendAccessDenied("Access denied for connection 'cali_webhook'")

    with monkeypatch.context() as patch:
        patch.setattr(incidents, "_webhook", denied)
        deadlines.overdue(context())
    assert len(slack(database)) == 1
    now = database.execute("select max(created_at) from cali.webhook_outbox").fetchall()[0][0]
    assert sla._deliver(database, now) == {"dropped": 1}
    assert sla._deliver(database, now) == {}


def test_without_postgres_the_callback_fails_loudly(monkeypatch: pytest.MonkeyPatch, free_port: Any) -> None:
    """Airflow's log has it; the monitor sees what follows."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", f"postgres://cali@127.0.0.1:{free_port()}/cali")
    with pytest.raises(TransientError):
        deadlines.overdue(context())
