"""The service levels' steps in Airflow: each joins the Connection to one verb of the library."""

from typing import TYPE_CHECKING

from airflow.sdk import get_current_context

from cali import connections
from include import streams
from include.records import utc_now

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg


WEBHOOK_BUDGET_S = 20.0
"""How long a monitor's run may spend on the webhook; it comes each minute."""


def judge() -> dict[str, object]:
    """Judge every due window, tell of what is broken and of what burns, and send the webhook's events; return counts.

    Each part is committed by itself, and one that fails holds up none behind it.

    Raises:
        ConfigurationError: a definition's time zone is not known, or the webhook's Connection is wrong.
        TransientError: Postgres was away; what was judged and told stays.
    """
    from include.ledger.postgres import connected  # noqa: PLC0415
    from include.sla.heartbeat import MONITOR, beat  # noqa: PLC0415
    from include.sla.judge import judge as judge_due  # noqa: PLC0415
    from include.sla.postgres import PostgresRecorder  # noqa: PLC0415

    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        now = utc_now()
        try:
            report = judge_due(PostgresRecorder(database), now)
        finally:
            # Also where one definition is wrong: people are told of the others all the same.
            told = _tell(database, now)
            beat(database, MONITOR, now)
            sent = _deliver(database, now)
    verdicts = {"verdicts": dict(report.verdicts), "corrected": report.corrected, "more": report.more}
    return verdicts | told | {"webhook": sent}


def _tell(database: "psycopg.Connection", now: "datetime") -> dict[str, object]:
    from cali.deadlines import end_overdue  # noqa: PLC0415
    from cali.incidents import desk  # noqa: PLC0415
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415
    from include.sla.burns import watch_burns  # noqa: PLC0415
    from include.sla.burns_postgres import PostgresBurnBook  # noqa: PLC0415
    from include.sla.incidents.tell import tell  # noqa: PLC0415

    told = tell(database, desk(database), now)
    burns = watch_burns(PostgresBurnBook(database), PostgresAlertStore(database), now)
    ended = end_overdue(database, _count_runs)
    return {"told": dict(told), "burns_begun": burns.begun, "burns_ended": burns.ended, "hangs_ended": ended}


def _count_runs(**selection: object) -> int:
    """Ask Airflow how many runs there are; only asked while a run is known to hang."""
    return int(get_current_context()["ti"].get_dr_count(**selection))  # type: ignore[arg-type]


def _deliver(database: "psycopg.Connection", now: "datetime") -> dict[str, int]:
    from cali.incidents import receiver  # noqa: PLC0415
    from include.webhook.deliver import deliver  # noqa: PLC0415
    from include.webhook.outbox import WebhookOutbox  # noqa: PLC0415

    outbox = WebhookOutbox(database)
    if not outbox.is_due(now):
        return {}
    if (found := receiver()) is None:
        return {"dropped": outbox.drop(now)}
    return dict(deliver(outbox, found, WEBHOOK_BUDGET_S, utc_now))


def tell_drained(database: "psycopg.Connection", stream: str, run_id: str, *, idle: bool) -> None:
    """Log how far a drain is; where it found nothing, no stage follows that would say how far those are."""
    from include.sla.progress import log_drained  # noqa: PLC0415

    log_drained(database, stream, run_id, utc_now())
    if idle:
        tell_processed(database, run_id)


def tell_processed(database: "psycopg.Connection", run_id: str) -> None:
    """Log how far the stages are, over all streams."""
    from include.sla.progress import log_processed  # noqa: PLC0415

    log_processed(database, streams.names(), run_id, utc_now())
