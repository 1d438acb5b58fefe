"""Runs that hang: told while they do, and told when they have ended."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from include.sla.incidents.book import IncidentBook
from include.sla.incidents.causes import BATCHES, LONGEST_ERROR, PROCESS, Failure
from include.sla.incidents.desk import Desk
from include.sla.incidents.values import Draft, Event, Incident, Kind
from include.sql import query

log = logging.getLogger(__name__)
NOTHING_FAILED = "no try of a task of it has failed, so one hangs or waits for a worker"


@dataclass(frozen=True, slots=True)
class OverdueRun:
    """A run that has not ended by ``due_at``; ``url`` is its page in Airflow."""

    dag_id: str
    run_id: str
    queued_at: datetime
    due_at: datetime
    url: str | None = None

    @property
    def subject(self) -> str:
        """What tells it from every other run."""
        return f"{self.dag_id}/{self.run_id}"


@dataclass(frozen=True, slots=True)
class Concerned:
    """Who is told of a DAG's runs."""

    owner: str = "cali"
    channel: str = "cali-alerts"
    severity: str = "warning"


def tell_overdue(connection: psycopg.Connection, desk: Desk, run: OverdueRun, now: datetime) -> bool:
    """Record a run that hangs and tell of it, in one transaction; return whether this call did: a run is told once.

    Raises:
        psycopg.OperationalError: Postgres was away; nothing was recorded or told.
    """
    book = IncidentBook(connection)
    with connection.transaction():
        opened = book.open(_draft(connection, run), now)
        if opened is None:
            return False
        desk.tell([(Event.OPENED, opened)], now)
    log.warning("run overdue dag=%s run=%s since=%s", run.dag_id, run.run_id, run.due_at)
    return True


def tell_ended(
    connection: psycopg.Connection, desk: Desk, how_ended: Callable[[str, str], str | None], now: datetime
) -> int:
    """Tell of each run that hung and has ended; return how many.

    Args:
        connection: CALI's database.
        desk: where it is told.
        how_ended: returns in words how a run (its DAG's id and its own) ended, or None while it has not.
        now: the clock.

    Raises:
        psycopg.OperationalError: Postgres was away; what was told stays.
    """
    book = IncidentBook(connection)
    told = 0
    for incident in book.open_ones(Kind.RUN):
        words = how_ended(incident.name, incident.subject.removeprefix(f"{incident.name}/"))
        told += words is not None and _end(connection, book, desk, incident, words, now)
    return told


def _end(
    connection: psycopg.Connection, book: IncidentBook, desk: Desk, incident: Incident, words: str, now: datetime
) -> bool:
    with connection.transaction():
        ended = book.recover(incident.incident_id, words, now)
        if ended is not None:
            desk.tell([(Event.RECOVERED, ended)], now)
    return ended is not None


def _draft(connection: psycopg.Connection, run: OverdueRun) -> Draft:
    concerned = _concerned(connection, run.dag_id)
    failed = _failures(connection, run)
    cause = NOTHING_FAILED
    if failed:
        cause = f"{failed[0].task_id} failed {len(failed)} times: {' '.join(failed[0].error.split())[:LONGEST_ERROR]}"
    minutes = (run.due_at - run.queued_at).total_seconds() / 60
    return Draft(
        kind=Kind.RUN,
        subject=run.subject,
        name=run.dag_id,
        owner=concerned.owner,
        channel=concerned.channel,
        severity=concerned.severity,
        promise=f"The run {run.run_id} ends within {minutes:g} minutes",
        due_at=run.due_at,
        cause=cause,
        url=run.url,
    )


def _failures(connection: psycopg.Connection, run: OverdueRun) -> Sequence[Failure]:
    with connection.cursor(row_factory=class_row(Failure)) as cursor:
        values = {"dag_id": run.dag_id, "run_id": run.run_id}
        return cursor.execute(query("sla_failures_of_run"), values).fetchall()


def _concerned(connection: psycopg.Connection, dag_id: str) -> Concerned:
    """Return whom the service level of a DAG's pipeline names."""
    pipeline_name = BATCHES if dag_id.endswith(PROCESS) else dag_id
    with connection.cursor(row_factory=class_row(Concerned)) as cursor:
        found = cursor.execute(query("sla_concerned"), {"pipeline_name": pipeline_name}).fetchone()
    return found or Concerned()
