"""The daily summary in Airflow: once a day, what came of yesterday's logs."""

from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task

from cali import daily_summary
from cali.pipelines import DEFAULT_ARGUMENTS

DOC = """
### daily_summary

**What** Counts a day's published logs by service and level, and puts the groups of alerts, the dead letters, the audits
and the service levels beside them: rows in `cali.daily_log_summary`, a Parquet and an HTML object under
`reports/daily/`, and a message in Slack. It is the pipeline `daily_aggregation` of the service levels.

**When** Each night (`CALI_DAILY_SUMMARY_SCHEDULE`, UTC), yesterday in the time zone of that service level.

**By hand** Trigger it with *Date* for another day, or make up for many with
`airflow backfill create --dag-id daily_summary --from-date … --to-date …`, where each run is about the day before it.
The same day again replaces its report. Slack is told of yesterday alone.

**When it fails** Not complete yet: something of the day waits to be drained or processed; it is tried again for some
five hours. Past their retention: events of the day are gone, and the report that there is stays.

**Who** The owners of the log platform.
"""

with DAG(
    dag_id="daily_summary",
    description="Summarise yesterday's logs into a table, two objects and a message",
    doc_md=DOC,
    schedule=daily_summary.schedule(),
    # No start date: the first run waits for its hour, rather than making up for one before CALI was there.
    catchup=False,
    max_active_runs=1,
    default_args={
        **DEFAULT_ARGUMENTS,
        # A day that is not complete is complete some time later: 2, 4, 8 and then each 30 minutes.
        "retries": 12,
        "retry_delay": timedelta(minutes=2),
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=2),
    },
    params=dict(daily_summary.PARAMETERS),
    tags=["cali", "reports"],
):

    @task(multiple_outputs=False)
    def summarise() -> dict[str, object]:
        """Summarise one day."""
        return daily_summary.summarise(get_current_context())

    summarise()
