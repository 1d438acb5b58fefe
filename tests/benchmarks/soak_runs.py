"""Completed runs for Airflow's own database, as many as asked for: ``python -m tests.benchmarks.soak_runs RUNS DAYS``.

Its process has the stack's environment, and with that Airflow's database and models. A run of each of the stream's DAGs
that really was is the pattern: its rows are inserted again and again under new ids, each run earlier than the one that
follows it, the last of them ``DAYS`` days ago. Writes how many rows each table got, as JSON.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from airflow import settings
from airflow.models import asset, dagrun, log, taskinstance, xcom  # noqa: TID251 - Airflow's own rows are what is made
from airflow.utils.sqlalchemy import UtcDateTime
from sqlalchemy.engine import Connection

from include.records import utc_now

DRAIN, PROCESS = "logs_drain", "logs_process"
EVERY_S = 1.7
"""From one run to the next of the same DAG: 50,000 a day, as ``low_latency`` makes under steady load."""
NUMBER = sa.column("number", sa.Integer)


def main(runs: int, days: float) -> dict[str, int]:
    """Insert the runs, half of each DAG, and return how many rows each table got."""
    settings.initialize()
    with settings.get_engine().begin() as connection:
        rows = insert_runs(connection, runs // 2, utc_now() - timedelta(days=days))
    with settings.get_engine().execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        # As autovacuum does it within a minute; without it the first questions are planned for empty tables.
        connection.execute(sa.text("analyze"))
    return rows


def insert_runs(connection: Connection, cycles: int, until: datetime) -> dict[str, int]:
    """Insert so many runs of both DAGs, the last at ``until``; return how many rows each table got."""
    prefix = f"soak_{until:%Y%m%dT%H%M%S}_"
    rows: Counter[str] = Counter()
    for dag_id in (DRAIN, PROCESS):
        rows.update(Copier(connection, dag_id, prefix, until, cycles).copy())
    return {**rows, "dagrun_asset_event": _join_events(connection, prefix)}


class Copier:
    """Inserts the rows of one run again and again, as runs ``<prefix>1`` and so on."""

    def __init__(self, connection: Connection, dag_id: str, prefix: str, until: datetime, runs: int) -> None:
        self._connection = connection
        self._dag_id = dag_id
        self._run_id, run_after = pattern(connection, dag_id)
        self._shift_s = (until - run_after).total_seconds()
        self._runs = runs
        self._new_run_id = sa.func.concat(prefix, NUMBER)

    def copy(self) -> dict[str, int]:
        """Insert what a run leaves: itself, its tasks, their XComs, events of assets and log events."""
        run = _table(dagrun.DagRun)
        new_run = sa.select(run.c.id).where(run.c.dag_id == self._dag_id, run.c.run_id == self._new_run_id)
        new_id = {"id": sa.func.gen_random_uuid()}
        return {
            "dag_run": self._insert(dagrun.DagRun),
            "task_instance": self._insert(taskinstance.TaskInstance, new_id),
            "xcom": self._insert(xcom.XComModel, {"dag_run_id": new_run.scalar_subquery()}),
            "log": self._insert(log.Log),
            "asset_event": self._insert(asset.AssetEvent, prefix="source_"),
        }

    def _insert(self, model: Any, replaced: Mapping[str, Any] | None = None, prefix: str = "") -> int:
        table, run_id = _table(model), f"{prefix}run_id"
        # A number of its own comes from the table's sequence.
        columns = [column for column in table.c if column.name != "id" or replaced]
        new = {run_id: self._new_run_id, **(replaced or {})}
        rows = (
            sa.select(*(new.get(column.name, self._moved(column)) for column in columns))
            .select_from(table)
            .join(sa.func.generate_series(1, self._runs).table_valued("number").render_derived(), sa.true())
            .where(table.c[f"{prefix}dag_id"] == self._dag_id, table.c[run_id] == self._run_id)
            .order_by(NUMBER)
        )
        statement = sa.insert(table).from_select([column.name for column in columns], rows, include_defaults=False)
        return self._connection.execute(statement).rowcount

    def _moved(self, column: "sa.Column[Any]") -> Any:
        """Return a column's value; an instant is as much earlier as the whole run is."""
        if not isinstance(column.type, (UtcDateTime, sa.DateTime)):
            return column
        seconds = self._shift_s - (self._runs - NUMBER) * EVERY_S
        return sa.type_coerce(column, sa.DateTime(timezone=True)) + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def pattern(connection: Connection, dag_id: str) -> tuple[str, datetime]:
    """Return id and time of the DAG's last run that had something to do."""
    run, task = _table(dagrun.DagRun), _table(taskinstance.TaskInstance)
    of_run = (task.c.dag_id == run.c.dag_id, task.c.run_id == run.c.run_id)
    worked = sa.exists().where(*of_run, task.c.state == "success")
    found = sa.select(run.c.run_id, run.c.run_after).where(run.c.dag_id == dag_id, run.c.state == "success", worked)
    row = connection.execute(found.order_by(run.c.id.desc()).limit(1)).one()
    return row.run_id, row.run_after


def _join_events(connection: Connection, prefix: str) -> int:
    """Say of each new process run which drain's event it answers: the one of the same number."""
    joined, run, event = asset.association_table, _table(dagrun.DagRun), _table(asset.AssetEvent)
    answers = (run.c.dag_id == PROCESS, event.c.source_dag_id == DRAIN, event.c.source_run_id == run.c.run_id)
    rows = sa.select(run.c.id, event.c.id).where(*answers, run.c.run_id.startswith(prefix, autoescape=True))
    return connection.execute(sa.insert(joined).from_select(["dag_run_id", "event_id"], rows)).rowcount


def _table(model: Any) -> sa.Table:
    table: sa.Table = sa.inspect(model).local_table
    return table


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]))) + "\n")
