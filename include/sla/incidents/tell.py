"""Tell people of broken service levels: each violation once, an end once, and again where nobody answers."""

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg

from include.sla.contract import SlaType
from include.sla.incidents.book import IncidentBook
from include.sla.incidents.causes import AGGREGATION, BATCHES, DRAIN, find_cause
from include.sla.incidents.decide import events, recovery
from include.sla.incidents.desk import Desk
from include.sla.incidents.values import Case, Draft, Event, Incident, Kind

log = logging.getLogger(__name__)


def tell(connection: psycopg.Connection, desk: Desk, now: datetime) -> Counter[str]:
    """Tell what was recorded and nobody was told of; return how many of each event.

    One transaction writes the incidents and the messages, and only one process at a time is in it: two monitors tell
    nothing twice, and one that is killed told nothing that it did not write down. What is ``unknown`` or ``excused``
    is no violation, so nobody is told.

    Raises:
        psycopg.OperationalError: Postgres was away; nothing was told or written.
    """
    book = IncidentBook(connection)
    told: Counter[str] = Counter()
    if not book.cases():
        return told
    with book.exclusive():
        for case in book.cases():
            told.update(str(event) for event in _tell(connection, book, desk, case, now))
    log.info("told %s", dict(told))
    return told


def _tell(connection: psycopg.Connection, book: IncidentBook, desk: Desk, case: Case, now: datetime) -> list[Event]:
    decided = events(case, now)
    incident_id = case.incident_id
    if incident_id is None:
        opened = book.open(_draft(connection, case, desk.links, now), now)
        if opened is None:
            return []
        incident_id = opened.incident_id
    attached = book.attach(case.definition_id, incident_id, now) if case.untold else None
    news: list[tuple[Event, Incident]] = []
    if Event.OPENED in decided and attached:
        news.append((Event.OPENED, attached))
    if Event.RECOVERED in decided and (
        ended := book.recover(incident_id, recovery(case) or "", now, case.completed_at)
    ):
        news.append((Event.RECOVERED, ended))
    desk.tell(news, now)
    if Event.ESCALATED in decided and case.escalation_channel and (escalated := book.escalate(incident_id, now)):
        desk.escalate(escalated, case.escalation_channel, now)
    return decided


def _draft(connection: psycopg.Connection, case: Case, links: str | None, now: datetime) -> Draft:
    # A case without an incident is there because something is untold, so it has a first window.
    first_window, due_at = case.first_window or now, case.due_at or now
    cause = find_cause(connection, case.pipeline_name, first_window, now)
    return Draft(
        kind=Kind.WINDOW,
        subject=f"definition {case.definition_id}",
        definition_id=case.definition_id,
        name=case.pipeline_name,
        sla_type=case.sla_type,
        owner=case.owner,
        channel=case.slack_channel,
        severity=case.severity,
        promise=promise(case, first_window),
        due_at=due_at,
        cause=cause.text,
        url=cause.url or (links and f"{links}/dags/{dag_of(case.pipeline_name)}"),
    )


def promise(case: Case, window_start: datetime) -> str:
    """Return in words what was promised for a window."""
    local = window_start.astimezone(_zone(case.time_zone))
    if case.sla_type is SlaType.REALTIME:
        return f"Nothing waits longer than {case.deadline_minutes} minutes"
    if case.sla_type is SlaType.HOURLY:
        return f"The hour from {local:%H:%M} ({case.time_zone}) is done {case.deadline_minutes} minutes after its end"
    by = timedelta(minutes=case.deadline_minutes)
    hours, minutes = divmod(by // timedelta(minutes=1), 60)
    return f"The day of {local:%Y-%m-%d} ({case.time_zone}) is done by {hours:02}:{minutes:02} of the next day"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        # The judge says so; people are told all the same.
        return UTC


def dag_of(pipeline_name: str) -> str:
    """Return the DAG to look at first."""
    own = {BATCHES: "logs_process", AGGREGATION: "daily_summary"}
    return pipeline_name if pipeline_name.endswith(DRAIN) else own.get(pipeline_name, pipeline_name)
