"""The rebuild DAG in Airflow: verdicts of service levels are made again from the log of completions."""

from datetime import timedelta

from airflow.sdk import task

from cali.pipelines import form_dag
from cali.sla_forms import REBUILD_PARAMETERS

DOC = """
### sla_rebuild

**What** Judges windows again that have a verdict, by the log of completions and the maintenance as they are now. Where
it comes out otherwise the verdict is corrected; the old one and the reason stay in `cali.sla_verdict_corrections`.
Where the log does not reach back any more, the verdict stays. Nobody is told of what a look back has found.

**When** By hand: a maintenance was announced too late, or completions were written down too late. *Dry run* is the
default; the task's log lists what would change. Then trigger it again with the dry run switched off.

**When it fails** The message names the field. Each correction stands by itself; a second run goes on with the rest.

**Who** The owners of the log platform.
"""

with form_dag(
    "sla_rebuild",
    "Make verdicts again from the log of completions, and keep the old ones",
    DOC,
    REBUILD_PARAMETERS,
    "sla",
    timedelta(hours=1),
):

    @task(multiple_outputs=False)
    def rebuild() -> dict[str, object]:
        """Judge again what is selected."""
        from cali import sla_forms  # noqa: PLC0415

        return sla_forms.rebuild()

    rebuild()
