"""The SLA monitor in Airflow: each minute, a verdict for every window that was due."""

from datetime import timedelta

from airflow.sdk import DAG, task

from cali.pipelines import DEFAULT_ARGUMENTS, START

DOC = """
### sla_monitor

**What** Gives every window that was due its verdict, for every row in `cali.sla_definitions`: by the log of completions
and not by Airflow's runs, so it also sees a run that never was. A miss becomes a row of `cali.sla_violations`; when it
is completed later, it becomes late.

**When** Every minute. After a stop it takes up every window since the last one that was judged, up to 2,000 of each
definition in a run.

**When it fails** Postgres was away, or the message names a definition with a time zone that this machine does not know:
correct the row. The others are judged, and nothing is skipped: the next run goes on where this one stopped.

**Who** The owners of the log platform.
"""

with DAG(
    dag_id="sla_monitor",
    description="Judge every window of the service levels that was due",
    doc_md=DOC,
    schedule="* * * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGUMENTS, "execution_timeout": timedelta(minutes=5)},
    tags=["cali", "sla"],
):

    @task(multiple_outputs=False)
    def judge() -> dict[str, object]:
        """Judge what is due."""
        from cali import sla  # noqa: PLC0415

        return sla.judge()

    judge()
