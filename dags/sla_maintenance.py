"""The maintenance DAG in Airflow: within an announced span, misses of service levels are excused."""

from airflow.sdk import task

from cali.pipelines import form_dag
from cali.sla_forms import MAINTENANCE_PARAMETERS

DOC = """
### sla_maintenance

**What** Writes a span of maintenance into `cali.sla_maintenance`. A window that touches it and is not completed in time
is `excused`, with the reason and who announced it; nobody is told, and no error budget is spent.

**When** By hand, before the maintenance. What was judged already stays; `sla_rebuild` excuses it as well. To end one
early, set its `ends_at` by SQL.

**When it fails** The message names the field: times without a zone or in the wrong order, or an unknown pipeline.

**Who** The owners of the log platform.
"""

with form_dag(
    "sla_maintenance",
    "Announce a span in which misses of service levels are excused",
    DOC,
    MAINTENANCE_PARAMETERS,
    "sla",
):

    @task(multiple_outputs=False)
    def announce() -> dict[str, str]:
        """Write the maintenance down."""
        from cali import sla_forms  # noqa: PLC0415

        return sla_forms.announce()

    announce()
