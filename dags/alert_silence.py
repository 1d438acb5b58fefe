"""The silence form in Airflow: nobody is told of some alert groups for a while."""

from airflow.sdk import task

from cali.alert_forms import SILENCE_PARAMETERS
from cali.pipelines import form_dag

DOC = """
### alert_silence

**What** Writes a row into `cali.alert_silences`. Until it ends, the groups that it means send no first message and call
nobody; one message says how much is held back. Messages that are there already are still edited. What goes on when the
silence ends is told then, with everything that was counted.

**When** By hand: before a deployment, or when a problem is known. Fill in at least one field, and *Why*. *End* takes
the number of a silence that is to end now.

**When it fails** The message names the field.

**Who** The owners of the log platform.
"""

with form_dag("alert_silence", "Tell nobody of some alert groups for a while", DOC, SILENCE_PARAMETERS, "alerts"):

    @task(multiple_outputs=False)
    def silence() -> dict[str, int]:
        """Silence groups, or end a silence."""
        from cali import alert_forms  # noqa: PLC0415

        return alert_forms.silence()

    silence()
