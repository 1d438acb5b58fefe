"""Why a pipeline may be late: the task that failed, what waits, or since when nothing was completed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from include.sql import query

DRAIN = "_drain"
PROCESS = "_process"
BATCHES = "consumer_batch"
"""The pipeline of all streams' process DAGs."""
AGGREGATION = "daily_aggregation"
"""The pipeline of the DAG ``daily_summary``."""
LOOK_BACK = timedelta(minutes=15)
"""How long before the window a task may have failed: a short window is missed because of what failed before it."""
LONGEST_ERROR = 300
A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed try of a task; ``url`` leads to its log."""

    dag_id: str
    task_id: str
    try_number: int
    failed_at: datetime
    error: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Cause:
    """The likely cause in words, and where to look (None: nowhere in particular)."""

    text: str
    url: str | None = None


def may_explain(pipeline_name: str, dag_id: str) -> bool:
    """Return whether a pipeline is late when a DAG's task fails."""
    if pipeline_name == BATCHES:
        return dag_id.endswith((PROCESS, DRAIN))
    return dag_id == ("daily_summary" if pipeline_name == AGGREGATION else pipeline_name)


def likely_cause(
    pipeline_name: str,
    failures: Iterable[Failure],
    lag_s: float | None,
    waiting: int | None,
    last_completed_at: datetime | None,
) -> Cause:
    """Return what most likely made a pipeline late.

    Args:
        pipeline_name: the pipeline.
        failures: what failed around the window, the newest first; of any DAG.
        lag_s: seconds up to which its stream is not drained; None where it has none.
        waiting: drained records that wait for a stage; None where it has no stream.
        last_completed_at: when it completed last; None: never.
    """
    failed = next((one for one in failures if may_explain(pipeline_name, one.dag_id)), None)
    if failed is not None:
        error = " ".join(failed.error.split())[:LONGEST_ERROR]
        text = f"{failed.dag_id}.{failed.task_id} failed at {failed.failed_at:%H:%M} UTC (try {failed.try_number})"
        return Cause(f"{text}: {error}", failed.url)
    if lag_s is not None and (lag_s >= A_MINUTE or waiting):
        return Cause(f"drained up to {lag_s / A_MINUTE:.0f} minutes ago, {waiting or 0:,} records wait for a stage")
    if last_completed_at is not None:
        return Cause(f"no run has completed since {last_completed_at:%Y-%m-%d %H:%M} UTC: paused, or not started?")
    return Cause("no run has ever completed: does anything run it?")


def find_cause(connection: psycopg.Connection, pipeline_name: str, since: datetime, now: datetime) -> Cause:
    """Return the likely cause by what Postgres knows; ``since`` is when the window began."""
    with connection.cursor(row_factory=class_row(Failure)) as cursor:
        values = {"since": since - LOOK_BACK, "now": now}
        failures = cursor.execute(query("sla_failures"), values).fetchall()
    lag_s, waiting = _lag(connection, pipeline_name)
    ((last,),) = connection.execute(query("sla_last_completion"), {"pipeline_name": pipeline_name}).fetchall()
    return likely_cause(pipeline_name, failures, lag_s, waiting, last)


def _lag(connection: psycopg.Connection, pipeline_name: str) -> tuple[float | None, int | None]:
    if pipeline_name != BATCHES and not pipeline_name.endswith(DRAIN):
        return None, None
    stream = None if pipeline_name == BATCHES else pipeline_name.removesuffix(DRAIN)
    ((lag_s, waiting),) = connection.execute(query("sla_lag"), {"stream": stream}).fetchall()
    return (None if lag_s is None else float(lag_s)), waiting


def note_failure(connection: psycopg.Connection, run_id: str, map_index: int, failure: Failure) -> None:
    """Write a failed try down, once.

    Raises:
        psycopg.OperationalError: Postgres was away.
    """
    values = {name: getattr(failure, name) for name in Failure.__dataclass_fields__}
    connection.execute(query("sla_note_failure"), values | {"run_id": run_id, "map_index": map_index})
