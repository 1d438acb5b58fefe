"""Housekeeping's steps on real servers: each does its part, returns counts, and a dry run changes nothing."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from cali import housekeeping
from include.adapters.object_store import S3ObjectStore
from include.errors import ConfigurationError, TransientError
from include.records import utc_now
from tests.include.compaction.publishing import Publisher
from tests.plugins.conftest import Servers

DAY = timedelta(days=1)
BLOCKED = "airflow-db-not-allowed:///"
ROWS = """
insert into log (dttm, event, dag_id)
values (now() - interval '10 days', 'old', 'logs_drain'), (now() - interval '1 day', 'new', 'logs_drain'),
       (now() - interval '10 days', 'of others', 'their_dag');
insert into dag_run (dag_id, run_id, run_type, state, start_date, run_after, clear_number, span_status, log_template_id)
select dag_id, dag_id || days, 'scheduled', 'success', now() - make_interval(days => days), now(), 0, 'ended', null
from unnest(array['logs_drain', 'their_dag']) as dag_id, unnest(array[1, 9, 10]) as days;
insert into asset_event (timestamp, asset_id, extra) values (now() - interval '10 days', 1, '{}');
"""

EVENTS = "select event from log where event in ('old', 'new', 'of others') order by 1"


@pytest.fixture
def airflow_database(airflow_tables: str, monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection:
    """Return a connection to Airflow's database; the environment is that of a task, which is kept from it."""
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_METADATA", airflow_tables.replace("postgresql://", "postgres://"))
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", BLOCKED)
    monkeypatch.setenv("AIRFLOW__CORE__SQL_ALCHEMY_CONN", BLOCKED)
    return psycopg.connect(airflow_tables, autocommit=True)


@pytest.mark.integration
def test_airflows_old_rows_are_cleaned_from_within_a_task(airflow_database: psycopg.Connection) -> None:
    """By Airflow's own command, without archive tables; what is younger, and what is of other DAGs, stays."""
    with airflow_database as connection:
        connection.execute(ROWS)
        assert housekeeping.clean_metadata({"dry_run": True}) == {"asset_event": 1, "dag_run": 2, "log": 1}
        assert connection.execute(EVENTS).fetchall() == [("new",), ("of others",), ("old",)]
        assert housekeeping.clean_metadata({"dry_run": False}) == {"asset_event": 1, "dag_run": 2, "log": 1}
        assert connection.execute(EVENTS).fetchall() == [("new",), ("of others",)]
        assert connection.execute("select run_id from dag_run order by 1").fetchall() == [
            ("logs_drain1",),
            ("their_dag1",),
            ("their_dag10",),
            ("their_dag9",),
        ]
        archives = connection.execute("select count(*) from pg_tables where tablename like '_airflow_deleted%'")
        assert archives.fetchall() == [(0,)]


def test_a_command_that_fails_fails_the_step_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The task is tried again, and its log says what Airflow said."""
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_METADATA", "postgres://airflow:needle@127.0.0.1:9/airflow")
    command = tmp_path / "command"
    command.write_text("#!/bin/sh\necho connection refused >&2\nexit 1\n")
    command.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(command))
    with pytest.raises(TransientError, match="airflow db clean ended with 1:\nconnection refused"):
        housekeeping.clean_metadata({})


def test_without_a_connection_airflows_tables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is skipped, and says which Connection to define."""
    monkeypatch.delenv("AIRFLOW_CONN_AIRFLOW_METADATA", raising=False)
    with pytest.raises(AirflowSkipException, match="AIRFLOW_CONN_AIRFLOW_METADATA="):
        housekeeping.clean_metadata({})


@pytest.mark.parametrize(
    ("step", "variable"),
    [
        (housekeeping.clean_metadata, "CALI_RETENTION_METADATA_DAYS"),
        (housekeeping.remove_logs, "CALI_RETENTION_LOGS_DAYS"),
        (housekeeping.forget_rows, "CALI_RETENTION_LEDGER_DAYS"),
        (housekeeping.forget_events, "CALI_RETENTION_TABLES_DAYS"),
    ],
)
def test_a_step_that_keeps_for_ever_is_skipped(step: Any, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the setting."""
    monkeypatch.setenv(variable, "0")
    with pytest.raises(AirflowSkipException, match=f"{variable} says: keep for ever"):
        step({})


def test_old_task_logs_of_airflows_own_folder_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is the one that Airflow writes to."""
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    old = tmp_path / "dag_id=a" / "attempt=1.log"
    old.parent.mkdir()
    old.write_text("a line\n")
    changed = (utc_now() - DAY * 15).timestamp()
    os.utime(old, (changed, changed))
    assert housekeeping.remove_logs({"dry_run": True}) == {"files": 1}
    assert housekeeping.remove_logs({}) == {"files": 1}
    assert not old.exists()


@pytest.mark.integration
def test_objects_and_rows_go_and_what_stays_is_said(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """From settings and Connections to S3 and Postgres; a dry run first, then the same counts for real."""
    store = S3ObjectStore(servers.s3, servers.bucket)
    Publisher(servers.ledger, store).publish(datetime(2026, 1, 1, tzinfo=UTC))
    store.put("staged/stream=logs/dt=2026-01-01/hh=00/logs-s-0123456789abcdef.parquet", b"orphan")
    nothing = dict.fromkeys(("raw", "staged", "clean", "dlq", "quality", "replay"), 0)
    dry = housekeeping.purge_objects({"dry_run": True})["logs"]
    assert dry["removed"] == nothing | {"raw": 1, "staged": 1}
    assert dry["held_back"] == {"clean": {"not compacted": 1}}
    assert len(servers.keys("raw")) == 1
    assert housekeeping.purge_objects({"dry_run": False})["logs"] == dry
    assert [len(servers.keys(room)) for room in ("raw", "staged", "clean")] == [0, 1, 1]
    # The orphan was written just now, by the store's clock.
    assert housekeeping.purge_orphans({})["logs"]["staged"] == 0
    monkeypatch.setattr(housekeeping, "utc_now", lambda: utc_now() + DAY * 2)
    assert housekeeping.purge_orphans({})["logs"]["staged"] == 1
    assert housekeeping.forget_rows({})["batches"] == 0
    monkeypatch.setenv("CALI_STREAMS", "logs transactions")
    assert housekeeping.forget_events({}) == {"transactions": 0}


@pytest.mark.parametrize("params", [{"dryrun": True}, {"dry_run": "perhaps"}, {"dry_run": None}])
def test_a_wrong_form_removes_nothing(params: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt key is not taken for a run that is meant."""
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    with pytest.raises(ConfigurationError, match="dry"):
        housekeeping.remove_logs(params)
