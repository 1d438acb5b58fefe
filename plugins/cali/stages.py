"""The process DAG's steps: each joins its run's Connections to one verb of the library and returns a claim check."""

import logging
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped

from cali import connections, metrics, sla
from cali.incidents import airflow_url
from include import streams
from include.alerts.environment import alert_settings
from include.errors import CaliError
from include.ledger.ledger import Stage
from include.records import utc_now
from include.settings import stream_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import psycopg
    from airflow.sdk import Context

    from include.adapters.object_store import ObjectStore
    from include.alerts.contract import AlertStore
    from include.alerts.dispatch import DispatchReport
    from include.process.work import StageReport, Workplace

log = logging.getLogger(__name__)

EXPRESS_BUDGET_S = 1.5
"""How long a drain may spend on sending what is new: one message's pace can be waited out, and the next drain waits."""
DISPATCH_BUDGET_S = 10.0
"""How long an alert step may spend on sending what is new, one message a second for each channel."""
EXPRESS_GRACE = timedelta(seconds=1)
"""How long a batch may wait for a stage before somebody else than its drain looks after it."""
SWEEP_BUDGET_S = 45.0
"""How long a sweep may spend on sending, updates included; it comes once a minute."""


def express(place: "Workplace", database: "psycopg.Connection", context: "Context") -> Counter[str]:
    """Validate and alert, in a drain's own process, what it has just drained; return counts.

    A task for each of them would cost its batch half a second and more. What fails here is given back: the process DAG
    takes it up, with retries and a log of its own.
    """
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415

    alerts = PostgresAlertStore(database)
    try:
        validated = _validated(place)
        alerted = _alerted(place, alerts, context)
        sent = notify(alerts, EXPRESS_BUDGET_S, wait_for_updates=False)
    except CaliError as error:
        log.warning("left to the process DAG stream=%s error=%s", place.stream.name, error)
        return Counter()
    return Counter(validated.counts | alerted.counts | sent)


def validate(stream: str) -> dict[str, object]:
    """Validate the stream's waiting batches.

    Raises:
        DownstreamTasksSkipped: nothing is left to alert on; a drain has done it.
    """
    with _workplace(stream) as (place, alerts):
        claim_check = _claim_check(_validated(place))
        if _something_to_tell(place, alerts, place.clock()):
            return claim_check
    raise _done_with(claim_check, Stage.ALERT)


def audit_drained(stream: str) -> dict[str, object]:
    """Audit what drains have validated by the express way; what they or this step left is for the steps behind it.

    A task costs half a second before its first line: the verdict of a batch that needs nothing else does not wait for
    a step that would find nothing.

    Raises:
        AirflowSkipException: nothing was published, so the clean Asset stays silent.
        DownstreamTasksSkipped: nothing is left to do.
    """
    with _workplace(stream) as (place, alerts):
        try:
            report = _audited(replace(place, hands_on=True), alerts)
        except CaliError as error:
            log.warning("left to the audit step stream=%s error=%s", stream, error)
            return {}
        # What the next drain has committed this moment, it validates and tells itself.
        due = place.clock() - EXPRESS_GRACE
        left = place.ledger.unfinished(stream, due, Stage.VALIDATE) or _something_to_tell(place, alerts, due)
    claim_check = _published(report)
    if left:
        return claim_check
    raise _done_with(claim_check, Stage.VALIDATE, Stage.ALERT, Stage.AUDIT)


def audit(stream: str) -> dict[str, object]:
    """Audit the stream's waiting batches, and publish those that pass.

    Raises:
        AirflowSkipException: nothing was published, so the clean Asset stays silent.
    """
    with _workplace(stream) as (place, alerts):
        report = _audited(place, alerts)
    return _published(report)


def alert(stream: str) -> dict[str, object]:
    """Filter and group the stream's waiting batches, then send what the outbox holds."""
    with _workplace(stream) as (place, alerts):
        report = _alerted(place, alerts, get_current_context())
        return _claim_check(report) | notify(alerts, DISPATCH_BUDGET_S, wait_for_updates=False)


def sweep(*, revive: bool = False) -> dict[str, int]:
    """Take groups whose time has come to their next state, and send what earlier runs left in the outbox.

    With ``revive`` also what was parked, now that its cause is mended.
    """
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415

    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        alerts = PostgresAlertStore(database)
        alerts.settle(utc_now(), alert_settings())
        if revive:
            log.info("revived messages=%d", alerts.revive(utc_now()))
        return notify(alerts, SWEEP_BUDGET_S, wait_for_updates=True)


def notify(alerts: "AlertStore", budget_s: float, *, wait_for_updates: bool) -> dict[str, int]:
    """Send what is due, within the budget.

    Raises:
        TransientError: Slack did not take a message; it stays in the outbox.
    """
    from include.alerts.dispatch import dispatch  # noqa: PLC0415

    settings = alert_settings().linked_to(airflow_url())
    with connections.messenger() as messenger:
        report: DispatchReport = dispatch(alerts, messenger, settings, budget_s, wait_for_updates=wait_for_updates)
    report.raise_for_failures()
    return {"messages_sent": report.sent}


def run_url(context: "Context") -> str:
    """Return the address of the present run in Airflow's UI; without ``[api] base_url`` by Airflow's own stand-in."""
    run = context["dag_run"]
    return f"{airflow_url()}/dags/{run.dag_id}/runs/{run.run_id}"


def workplace(stream: str, store: "ObjectStore", database: "psycopg.Connection", owner: str) -> "Workplace":
    """Return what a stream's stages work with: its ledger, and its own table where it has one, over one connection."""
    from include.ledger.postgres import PostgresLedger  # noqa: PLC0415
    from include.process.work import Workplace  # noqa: PLC0415

    contract = streams.get(stream)
    loader = contract.loader(database) if contract.loader else None
    return Workplace(contract, store, PostgresLedger(database), owner, utc_now, loader=loader)


@contextmanager
def _workplace(stream: str) -> "Iterator[tuple[Workplace, AlertStore]]":
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415

    context = get_current_context()
    store = connections.object_store(stream_settings(stream).bucket)
    owner = f"{context['run_id']}/{context['ti'].task_id}"
    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        yield workplace(stream, store, database, owner), PostgresAlertStore(database)
        sla.tell_processed(database, context["run_id"])


def _validated(place: "Workplace") -> "StageReport":
    from include.process.validate_stage import validate_pending  # noqa: PLC0415

    return metrics.worked(place.stream.name, Stage.VALIDATE, lambda: validate_pending(place))


def _alerted(place: "Workplace", alerts: "AlertStore", context: "Context") -> "StageReport":
    from include.process.alert_stage import alert_pending  # noqa: PLC0415

    settings, url = alert_settings(), run_url(context)
    return metrics.worked(place.stream.name, Stage.ALERT, lambda: alert_pending(place, alerts, settings, url))


def _audited(place: "Workplace", alerts: "AlertStore") -> "StageReport":
    from include.process.audit_stage import QualityDesk, audit_pending  # noqa: PLC0415

    desk = QualityDesk(alerts, alert_settings(), run_url(get_current_context()))
    return metrics.worked(place.stream.name, Stage.AUDIT, lambda: audit_pending(place, desk))


def _published(report: "StageReport") -> dict[str, object]:
    if not report.counts.get("published"):
        raise AirflowSkipException(f"Nothing published: {report.counts or 'no batch waited'}")
    return _claim_check(report)


def _something_to_tell(place: "Workplace", alerts: "AlertStore", due: "datetime") -> bool:
    return bool(place.ledger.unfinished(place.stream.name, due, Stage.ALERT) or alerts.next_due(updates=False))


def _done_with(claim_check: dict[str, object], *steps: Stage) -> DownstreamTasksSkipped:
    """Return what ends a step so that the steps behind it are skipped; a return would push the claim check itself."""
    get_current_context()["ti"].xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=claim_check)
    return DownstreamTasksSkipped(tasks=[step.value for step in steps])


def _claim_check(report: "StageReport") -> dict[str, object]:
    return {"batches": len(report.batches), **report.counts}
