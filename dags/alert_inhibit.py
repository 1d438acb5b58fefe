"""The inhibit form in Airflow: a group mutes those that hang on it."""

from airflow.sdk import task

from cali.alert_forms import INHIBIT_PARAMETERS
from cali.pipelines import form_dag

DOC = """
### alert_inhibit

**What** Writes a row into `cali.alert_inhibitions`. While a group of the cause is open, the groups to be muted send no
first message and call nobody; the message of the cause says how much it holds back. When it is resolved, what still
goes on is told.

**When** By hand, once for each dependence: the database mutes the services that cannot work without it. *Lift* takes
the number of an inhibition that is to be switched off.

**When it fails** The message names the field.

**Who** The owners of the log platform.
"""

with form_dag("alert_inhibit", "Let an alert group mute those that hang on it", DOC, INHIBIT_PARAMETERS, "alerts"):

    @task(multiple_outputs=False)
    def inhibit() -> dict[str, int]:
        """Let groups mute others, or switch that off."""
        from cali import alert_forms  # noqa: PLC0415

        return alert_forms.inhibit()

    inhibit()
