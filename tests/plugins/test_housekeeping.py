"""Housekeeping's steps on real servers: each does its part, returns counts, and a dry run changes nothing."""

import os
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
insert into log (dttm, event) values (now() - interval '10 days', 'old'), (now() - interval '1 day', 'new');
insert into import_error (timestamp, filename, bundle_name) values (now() - interval '10 days', 'old.py', 'dags');
"""

EVENTS = "select event from log where event in ('old', 'new') order by 1"


@pytest.fixture(scope="module")
def airflow_tables(postgres_server: Any) -> str:
    """Return the URI of a database with Airflow's own tables, as its models define them."""
    import sqlalchemy
    from airflow.models import import_all_models  # noqa: TID251 - Airflow's tables are what is cleaned
    from airflow.models.base import Base  # noqa: TID251

    name = "airflow_metadata"
    with psycopg.connect(postgres_server.uri(), autocommit=True) as admin:
        admin.execute(f"create database {name}")
    uri = str(postgres_server.uri(name))
    import_all_models()
    engine = sqlalchemy.create_engine(uri.replace("postgresql://", "postgresql+psycopg2://"))
    Base.metadata.create_all(engine)
    engine.dispose()
    return uri


@pytest.fixture
def airflow_database(airflow_tables: str, monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection:
    """Return a connection to Airflow's database; the environment is that of a task, which is kept from it."""
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_METADATA", airflow_tables.replace("postgresql://", "postgres://"))
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", BLOCKED)
    monkeypatch.setenv("AIRFLOW__CORE__SQL_ALCHEMY_CONN", BLOCKED)
    return psycopg.connect(airflow_tables, autocommit=True)


@pytest.mark.integration
def test_airflows_old_rows_are_cleaned_from_within_a_task(airflow_database: psycopg.Connection) -> None:
    """By Airflow's own command, without archive tables; what is younger stays."""
    with airflow_database as connection:
        connection.execute(ROWS)
        assert housekeeping.clean_metadata({"dry_run": True}) == {"import_error": 1, "log": 1}
        assert connection.execute(EVENTS).fetchall() == [("new",), ("old",)]
        assert housekeeping.clean_metadata({"dry_run": False}) == {"import_error": 1, "log": 1}
        assert connection.execute(EVENTS).fetchall() == [("new",)]
        archives = connection.execute("select count(*) from pg_tables where tablename like '_airflow_deleted%'")
        assert archives.fetchall() == [(0,)]


@pytest.mark.integration
def test_a_database_that_does_not_answer_fails_the_step_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, free_port: Any
) -> None:
    """The task is tried again, and its log says what Airflow's command said; the password is not in it."""
    uri = f"postgres://airflow:needle@127.0.0.1:{free_port()}/airflow"
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_METADATA", uri)
    with pytest.raises(TransientError, match=r"airflow db clean ended with 1") as failed:
        housekeeping.clean_metadata({})
    assert "refused" in str(failed.value)
    assert "needle" not in str(failed.value)


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


@pytest.mark.parametrize("params", [{"dryrun": True}, {"dry_run": "perhaps"}, {"dry_run": None}])
def test_a_wrong_form_removes_nothing(params: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt key is not taken for a run that is meant."""
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    with pytest.raises(ConfigurationError, match="dry"):
        housekeeping.remove_logs(params)
