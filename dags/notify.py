"""The notify DAG in Airflow: each minute, send what alerting runs could not."""

from datetime import timedelta

from airflow.sdk import DAG, Param, get_current_context, task

from cali.pipelines import DEFAULT_ARGUMENTS, START

DOC = """
### notify

**What** Takes alert groups whose time has come to their next state: quiet ones are resolved. Then sends the messages
that wait in `cali.alert_outbox`: those that Slack's pace of one message a second held back, and those that were left
when Slack was away.

**When** Every minute. The process DAGs send their own alerts at once; this one finds little to do on a calm day.

**When it fails** Slack refused or did not answer; the message says how. Everything stays in the outbox for the next
run. `select * from cali.alert_outbox where state not in ('sent', 'withdrawn')` shows what waits. What Slack refused for
good is *parked*: mend the cause, then trigger this DAG with *Revive*.

**Who** The owners of the log platform.
"""

with DAG(
    dag_id="notify",
    description="Send what the alert outbox still holds",
    doc_md=DOC,
    schedule="* * * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGUMENTS, "execution_timeout": timedelta(minutes=5)},
    params={
        "revive": Param(
            default=False,
            type="boolean",
            title="Revive",
            description="Send parked messages again: what Slack refused for good, once the cause is mended.",
        )
    },
    tags=["cali", "alerts"],
):

    @task(multiple_outputs=False)
    def sweep() -> dict[str, int]:
        """Send what is due."""
        from cali import stages  # noqa: PLC0415

        return stages.sweep(revive=bool(get_current_context()["params"]["revive"]))

    sweep()
