"""The service levels' steps in Airflow: each joins the Connection to one verb of the library."""

from typing import TYPE_CHECKING

from cali import connections
from include import streams
from include.records import utc_now

if TYPE_CHECKING:
    import psycopg


def judge() -> dict[str, object]:
    """Give every due window its verdict, and tell of error budgets that burn; return counts by verdict.

    Raises:
        ConfigurationError: a definition's time zone is not known; the others are judged.
        TransientError: Postgres was away; what was judged stays.
    """
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415
    from include.sla.burns import watch_burns  # noqa: PLC0415
    from include.sla.burns_postgres import PostgresBurnBook  # noqa: PLC0415
    from include.sla.judge import judge as judge_due  # noqa: PLC0415
    from include.sla.postgres import PostgresRecorder  # noqa: PLC0415

    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        now = utc_now()
        try:
            report = judge_due(PostgresRecorder(database), now)
        finally:
            # Also where one definition is wrong: the others' budgets burn all the same.
            burns = watch_burns(PostgresBurnBook(database), PostgresAlertStore(database), now)
    return {
        "verdicts": dict(report.verdicts),
        "corrected": report.corrected,
        "more": report.more,
        "burns_begun": burns.begun,
        "burns_ended": burns.ended,
    }


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
