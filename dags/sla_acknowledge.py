"""The acknowledge DAG in Airflow: somebody says that a violation of a service level is seen to."""

from airflow.sdk import task

from cali.pipelines import form_dag
from cali.sla_forms import ACKNOWLEDGE_PARAMETERS

DOC = """
### sla_acknowledge

**What** Writes into `cali.sla_violations` who has seen to a pipeline's violations, and when. Whoever was first stands,
so a second time changes nothing. What is acknowledged is not escalated.

**When** By hand. *Pipeline* alone means all its violations that nobody has acknowledged; *Kind* and *Window* narrow it
down.

**When it fails** The message names the field: there is no such service level, or that window is no violation.

**Who** The owners of the log platform.
"""

with form_dag(
    "sla_acknowledge", "Say who has seen to a violation of a service level", DOC, ACKNOWLEDGE_PARAMETERS, "sla"
):

    @task(multiple_outputs=False)
    def acknowledge() -> dict[str, int]:
        """Note who has seen the violations."""
        from cali import sla_forms  # noqa: PLC0415

        return sla_forms.acknowledge()

    acknowledge()
