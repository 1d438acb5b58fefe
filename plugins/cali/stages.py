"""The process DAG's steps: each joins its run's Connections to one verb of the library and returns a claim check."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from cali import connections, metrics, sla
from include import streams
from include.alerts.environment import alert_settings
from include.records import utc_now
from include.settings import stream_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from include.alerts.contract import AlertStore
    from include.alerts.dispatch import DispatchReport
    from include.process.work import StageReport, Workplace

DISPATCH_BUDGET_S = 10.0
"""How long an alert step may spend on sending what is new, one message a second for each channel."""
SWEEP_BUDGET_S = 45.0
"""How long a sweep may spend on sending, updates included; it comes once a minute."""


def validate(stream: str) -> dict[str, object]:
    """Validate the stream's waiting batches."""
    from include.process.validate_stage import validate_pending  # noqa: PLC0415

    with _workplace(stream) as (place, _):
        return _claim_check(metrics.worked(stream, "validate", lambda: validate_pending(place)))


def audit(stream: str) -> dict[str, object]:
    """Audit the stream's waiting batches, and publish those that pass.

    Raises:
        AirflowSkipException: nothing was published, so the clean Asset stays silent.
    """
    from include.process.audit_stage import QualityDesk, audit_pending  # noqa: PLC0415

    with _workplace(stream) as (place, alerts):
        desk = QualityDesk(alerts, alert_settings(), run_url(get_current_context()))
        report = metrics.worked(stream, "audit", lambda: audit_pending(place, desk))
    if not report.counts.get("published"):
        raise AirflowSkipException(f"Nothing published: {report.counts or 'no batch waited'}")
    return _claim_check(report)


def alert(stream: str) -> dict[str, object]:
    """Filter and group the stream's waiting batches, then send what the outbox holds."""
    from include.process.alert_stage import alert_pending  # noqa: PLC0415

    with _workplace(stream) as (place, alerts):
        url = run_url(get_current_context())
        report = metrics.worked(stream, "alert", lambda: alert_pending(place, alerts, alert_settings(), url))
        return _claim_check(report) | notify(alerts, DISPATCH_BUDGET_S, wait_for_updates=False)


def sweep() -> dict[str, object]:
    """Send what earlier runs left in the outbox."""
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415

    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        return notify(PostgresAlertStore(database), SWEEP_BUDGET_S, wait_for_updates=True)


def notify(alerts: "AlertStore", budget_s: float, *, wait_for_updates: bool) -> dict[str, object]:
    """Send what is due, within the budget.

    Raises:
        TransientError: Slack did not take a message; it stays in the outbox.
    """
    from include.alerts.dispatch import dispatch  # noqa: PLC0415

    with connections.messenger() as messenger:
        report: DispatchReport = dispatch(
            alerts, messenger, alert_settings(), budget_s, wait_for_updates=wait_for_updates
        )
    report.raise_for_failures()
    return {"messages_sent": report.sent}


def run_url(context: "Context") -> str:
    """Return the address of the present run in Airflow's UI; without ``[api] base_url`` by Airflow's own stand-in."""
    from airflow.sdk.configuration import conf  # noqa: PLC0415

    run = context["dag_run"]
    base = conf.get("api", "base_url", fallback="http://localhost:8080")
    return f"{base.rstrip('/')}/dags/{run.dag_id}/runs/{run.run_id}"


@contextmanager
def _workplace(stream: str) -> "Iterator[tuple[Workplace, AlertStore]]":
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415
    from include.ledger.postgres import PostgresLedger, connected  # noqa: PLC0415
    from include.process.work import Workplace  # noqa: PLC0415

    context = get_current_context()
    store = connections.object_store(stream_settings(stream).bucket)
    owner = f"{context['run_id']}/{context['ti'].task_id}"
    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        place = Workplace(streams.get(stream), store, PostgresLedger(database), owner, utc_now)
        yield place, PostgresAlertStore(database)
        sla.tell_processed(database, context["run_id"])


def _claim_check(report: "StageReport") -> dict[str, object]:
    return {"batches": len(report.batches), **report.counts}
