"""The SLA monitor's step on a real database: what is due gets its verdict, however often it looks."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from cali import sla
from cali.failures import note_failure
from include.errors import ConfigurationError
from include.ledger.postgres import connected
from include.records import utc_now
from include.sla.heartbeat import MONITOR, last_beat
from tests.include.sla.attained import promise
from tests.include.sla.test_recorder_contract import forget_seeds
from tests.include.webhook.receiving import PATH, SECRET, receiving

pytestmark = pytest.mark.integration
NOTHING: dict[str, object] = {
    "verdicts": {},
    "corrected": 0,
    "more": False,
    "told": {},
    "burns_begun": 0,
    "burns_ended": 0,
    "hangs_ended": 0,
    "webhook": {},
}


@pytest.fixture
def database(migrated_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """Yield a connection to a new database, to which the Connection leads."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", migrated_uri.replace("postgresql://", "postgres://"))
    with connected(migrated_uri) as connection:
        yield connection


def test_the_monitor_judges_what_is_due_once(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back is a claim check; what nothing completed is missed, and a second look finds nothing to do."""
    forget_seeds(database)
    assert sla.judge() == NOTHING
    database.execute(
        "insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes) values ('ghost', 'realtime', 5)"
    )
    later = utc_now() + timedelta(minutes=10)
    monkeypatch.setattr(sla, "utc_now", lambda: later)
    # There are one or two full windows of five minutes in ten.
    first = sla.judge()
    missed = first["verdicts"]
    assert missed in ({"missed": 1}, {"missed": 2})
    assert first["told"] == {"opened": 1}
    assert sla.judge() == NOTHING
    # It comes back: the log says that all is done up to now.
    database.execute(
        "insert into cali.pipeline_completion_log (pipeline_name, run_id, completed_at, covers_to) "
        "values ('ghost', 'run', %(now)s, %(now)s)",
        {"now": later},
    )
    corrected = sla.judge()
    assert corrected == NOTHING | {"corrected": missed["missed"], "told": {"recovered": 1}}  # type: ignore[index]
    assert set(database.execute("select verdict from cali.sla_verdicts").fetchall()) <= {("late",), ("on_time",)}


def test_the_monitor_tells_of_a_budget_that_burns(database: Any) -> None:
    """Once, also where another definition cannot be judged, and when it is over."""
    forget_seeds(database)
    since = utc_now() - timedelta(hours=2)
    broken = promise(database, "broken", "daily", 5, since)
    database.execute("update cali.sla_definition_versions set time_zone = 'Nowhere/Land'")
    promise(database, "ghost", "realtime", 5, since)
    database.execute("insert into cali.completion_log_horizon (known_since) values (%s)", [since])
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="Nowhere/Land"):
            sla.judge()
    database.execute("delete from cali.sla_definitions where definition_id = %s", [broken])
    database.execute("delete from cali.sla_definition_versions where definition_id = %s", [broken])
    assert sla.judge()["burns_begun"] == 0
    database.execute("update cali.sla_definitions set enabled = false")
    assert sla.judge()["burns_ended"] == 1
    messages = database.execute(
        "select payload ->> 'text' from cali.alert_outbox where dedup_key like '%sla-burn%' order by id"
    ).fetchall()
    assert [text.split(" ")[0] for (text,) in messages] == ["🔥", "⚪"]


def ghost(database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise a pipeline that nothing runs, and let ten minutes pass."""
    forget_seeds(database)
    sla.judge()
    database.execute(
        "insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes) values ('ghost', 'realtime', 1)"
    )
    later = utc_now() + timedelta(minutes=3)
    monkeypatch.setattr(sla, "utc_now", lambda: later)


def test_an_event_reaches_the_receiver_of_the_connection(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Signed, in the same run that judges, with the schema of docs/webhook.md and a link into Airflow."""
    caplog.set_level(logging.DEBUG)
    ghost(database, monkeypatch)
    with receiving() as receiver:
        values = {"conn_type": "http", "host": receiver.url, "password": SECRET}
        monkeypatch.setenv("AIRFLOW_CONN_CALI_WEBHOOK", json.dumps(values))
        done = sla.judge()
        assert (done["told"], done["webhook"]) == ({"opened": 1}, {"sent": 1})
        assert receiver.is_genuine(0)
        event = json.loads(receiver.got[0][1])
    assert (event["schema"], event["event"]) == ("cali.sla/1", "opened")
    incident = event["incident"]
    assert (incident["kind"], incident["name"], incident["sla_type"]) == ("window", "ghost", "realtime")
    assert incident["cause"] == "no run has ever completed: does anything run it?"
    assert incident["url"] == "http://localhost:8080/dags/ghost"
    assert (PATH in caplog.text, SECRET in caplog.text) == (False, False)


def test_a_webhook_that_is_set_up_wrongly_hinders_nobody(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run says so, behind everything else; people were told and the event waits for the correction."""
    ghost(database, monkeypatch)
    monkeypatch.setenv("AIRFLOW_CONN_CALI_WEBHOOK", json.dumps({"conn_type": "http", "host": "nowhere"}))
    with pytest.raises(ConfigurationError, match="set it as the Connection's host"):
        sla.judge()
    told = database.execute("select payload ->> 'text' from cali.alert_outbox where channel = 'cali-alerts'").fetchall()
    assert [text for (text,) in told if "ghost (realtime) is late" in text] != []
    assert database.execute("select state from cali.webhook_outbox").fetchall() == [("pending",)]
    assert last_beat(database, MONITOR) == sla.utc_now()


def failed_try(**of_task: Any) -> Any:
    """Return what a task's callback is given."""
    task = {"dag_id": "logs_drain", "task_id": "drain", "run_id": "run", "map_index": -1, "try_number": 2}
    return {"ti": SimpleNamespace(**task, **of_task), "exception": ValueError("S3 did not answer")}


def test_a_failed_try_is_written_down_once(database: psycopg.Connection) -> None:
    """With its error and where its log is; telling it again changes nothing."""
    for _ in range(2):
        note_failure(failed_try(log_url="http://airflow/log"))
    rows = database.execute("select dag_id, task_id, try_number, error, url from cali.task_failures").fetchall()
    assert rows == [("logs_drain", "drain", 2, "ValueError: S3 did not answer", "http://airflow/log")]


def test_a_failed_try_is_written_down_without_secrets(database: psycopg.Connection) -> None:
    """Its words stand in the message that tells of a missed window."""
    note_failure(failed_try() | {"exception": ValueError("cannot reach postgres://app:swordfish9@db/shop")})
    rows = database.execute("select error from cali.task_failures").fetchall()
    assert rows == [("ValueError: cannot reach postgres://app:****@db/shop",)]


def test_a_failure_that_cannot_be_written_down_is_logged(
    monkeypatch: pytest.MonkeyPatch, free_port: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It may well be Postgres that is away; the task fails for its own reason and for no other."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", f"postgres://cali@127.0.0.1:{free_port()}/cali")
    note_failure(failed_try())
    assert "failure not written down task=logs_drain.drain" in caplog.text
