"""The transactions' own DAG: each day's figures, once the day is over and everything of it is loaded."""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from cali import connections, daily_summary
from cali.failures import failing_for_good
from cali.forms import filled
from cali.pipelines import DEFAULT_ARGUMENTS
from include.records import utc_now
from include.settings import running_streams

STREAM = "transactions"
DOC = """
### transactions_daily

**What** Sums up yesterday's transactions, by currency, into `cali.daily_transaction_summary`, and every earlier day for
which something came late since the last time. The figures and the completion that the service level looks at are one
transaction.

**When** With the other daily summary (`CALI_DAILY_SUMMARY_SCHEDULE`), where `CALI_STREAMS` names the stream; promised
by nine o'clock in the time zone of its service level.

**By hand** Trigger it with *Date* to sum up another day once more.

**When it fails** Not everything that arrived on that day is loaded: the message says up to when it is. It is tried
again for hours; look at `transactions_drain` meanwhile.

**Who** {who}
"""


def summarise() -> dict[str, object]:
    """Sum up the day that was asked for, or the day before the run was due; return which days were summed up.

    Raises:
        AirflowFailException: the day or the time zone is none, or the day is not over, or past its retention.
        TransientError: not everything of that day is loaded yet, or Postgres was away.
    """
    from include.housekeeping.settings import retention, span  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415
    from include.reports.store import PostgresReportStore  # noqa: PLC0415
    from include.reports.summarise import chosen_day  # noqa: PLC0415
    from include.streams.transactions import daily  # noqa: PLC0415

    context = get_current_context()
    uri = connections.postgres_uri(connections.connection(connections.POSTGRES))
    with failing_for_good(), connected(uri) as database:
        form = filled(daily_summary.SummaryForm, context["params"])
        store = PostgresReportStore(database)
        day = chosen_day(store, form.date, context["dag_run"].run_after, daily.PIPELINE)
        kept = span(retention().tables_days)
        days = daily.summarise(database, day, context["run_id"], utc_now(), kept)
    return {"day": day.date.isoformat(), "summed_up": [one.isoformat() for one in days]}


def daily_dag(who: str) -> DAG:
    """Return ``transactions_daily``."""
    arguments: dict[str, Any] = {
        **DEFAULT_ARGUMENTS,
        # A day that is not complete is complete some time later: 2, 4, 8 and then each 30 minutes.
        "retries": 12,
        "retry_delay": timedelta(minutes=2),
        "max_retry_delay": timedelta(minutes=30),
    }
    with DAG(
        dag_id=f"{STREAM}_daily",
        description="Sum up yesterday's card transactions",
        doc_md=DOC.format(who=who),
        schedule=daily_summary.schedule() if STREAM in running_streams() else None,
        catchup=False,
        max_active_runs=1,
        default_args=arguments,
        params=dict(daily_summary.PARAMETERS),
        tags=["cali", STREAM, "daily"],
    ) as dag:
        task(multiple_outputs=False, doc_md="A row for each currency of the day; tried again until all is loaded.")(
            summarise
        )()
    return dag
