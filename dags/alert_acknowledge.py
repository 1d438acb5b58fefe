"""The acknowledge form in Airflow: somebody says that he is at an alert group."""

from airflow.sdk import task

from cali.alert_forms import ACKNOWLEDGE_PARAMETERS
from cali.pipelines import form_dag

DOC = """
### alert_acknowledge

**What** Writes into `cali.alert_groups` who is at a group. Its message says so and its thread gets a reply; until the
group is resolved, it calls the channel no more, and goes on counting. Whoever was first stands.

**When** By hand. *Group* is the number in the message; or fill in what the groups have in common.

**When it fails** The message names the field. *Skipped* means that no open group is meant that nobody is at.

**Who** The owners of the log platform.
"""

with form_dag("alert_acknowledge", "Say who is at an alert group", DOC, ACKNOWLEDGE_PARAMETERS, "alerts"):

    @task(multiple_outputs=False)
    def acknowledge() -> dict[str, object]:
        """Note who is at the groups."""
        from cali import alert_forms  # noqa: PLC0415

        return alert_forms.acknowledge()

    acknowledge()
