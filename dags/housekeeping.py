"""The housekeeping DAG in Airflow: each night, what is past its time goes."""

from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task

from cali import housekeeping
from cali.pipelines import DEFAULT_ARGUMENTS

DOC = """
### housekeeping

**What** Removes what is past its retention: objects of each room (never one that a batch still needs), objects that the
ledger does not name, old rows of CALI's database, old events in streams' own tables, old runs in Airflow's own
database, and old task logs. Each object is written down in `cali.purges` before it goes, so nobody takes it for a lost
one.

**When** Each night at 3:41 UTC. How long things are kept: `CALI_RETENTION_…`; 0 keeps for ever.

**By hand** Trigger it with *Dry run* to see the counts (XCom) without removing anything.

**When it fails** The steps are independent; the message names the server or the setting. The next run deletes what
was written down and goes on. A step is *skipped* when its setting says for ever, or, for Airflow's own tables, when the
Connection `airflow_metadata` is not defined.

**Who** The owners of the log platform.
"""

with DAG(
    dag_id="housekeeping",
    description="Remove objects, rows, runs and logs that are past their retention",
    doc_md=DOC,
    schedule="41 3 * * *",
    # No start date: the first run waits for its hour, rather than making up for one before CALI was there.
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGUMENTS, "execution_timeout": timedelta(hours=1)},
    params=dict(housekeeping.PARAMETERS),
    tags=["cali", "housekeeping"],
):
    steps = {
        "objects": (housekeeping.purge_objects, "Objects past their room's retention, unless a batch needs them."),
        "orphans": (housekeeping.purge_orphans, "Objects that the ledger does not name and never will."),
        "rows": (housekeeping.forget_rows, "Old rows of CALI's database, a batch's after its last object."),
        "tables": (housekeeping.forget_events, "Old events in streams' own tables, such as `cali.transactions`."),
        "metadata": (housekeeping.clean_metadata, "Old runs and their like in Airflow's own database."),
        "logs": (housekeeping.remove_logs, "Old task logs on this machine."),
    }

    def step(name: str) -> dict[str, object]:
        """Do one step and return its counts."""
        return dict(steps[name][0](get_current_context()["params"]))

    tasks = {name: task(step, task_id=name, doc_md=steps[name][1], multiple_outputs=False)(name) for name in steps}
    tasks["objects"] >> tasks["rows"]
