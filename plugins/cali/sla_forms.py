"""The service levels' forms: what people can ask for, and the library's verb that does it."""

from typing import Annotated

from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException
from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from cali import connections
from cali.forms import ALL, filled, instant_param
from include.errors import ConfigurationError
from include.records import utc_now
from include.sla.contract import SlaType

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

ACKNOWLEDGE_PARAMETERS = {
    "pipeline_name": Param(
        "logs_drain",
        type="string",
        minLength=1,
        title="Pipeline",
        description="Whose violations, as in cali.sla_definitions.",
    ),
    "sla_type": Param(
        ALL,
        type="string",
        enum=[ALL, *map(str, SlaType)],
        title="Kind",
        description="Only violations of this kind of service level, or all.",
    ),
    "window_start": instant_param("Window", "Only the window that begins at this time. Empty: every window."),
    "by": Param(
        None,
        type=["null", "string"],
        title="By",
        description="Who has seen to it. Empty: whoever triggers this.",
    ),
}


class AcknowledgeForm(BaseModel):
    """What is acknowledged, field by field as in ``ACKNOWLEDGE_PARAMETERS``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline_name: Name
    sla_type: str = ALL
    window_start: AwareDatetime | None = None
    by: str | None = None

    def kind(self) -> SlaType | None:
        """Return the kind of service level; None means each.

        Raises:
            ConfigurationError: there is no such kind.
        """
        if self.sla_type != ALL and self.sla_type not in set(SlaType):
            raise ConfigurationError(f"sla_type={self.sla_type!r} is not allowed: {ALL}, {', '.join(SlaType)}")
        return None if self.sla_type == ALL else SlaType(self.sla_type)


def acknowledge() -> dict[str, int]:
    """Acknowledge what the run's form says, in the name of whom it says or of whoever triggered it.

    Raises:
        AirflowFailException: a field has a value that is not allowed, or names nothing that there is.
        TransientError: Postgres was away; nothing was changed.
    """
    from include.ledger.postgres import connected  # noqa: PLC0415
    from include.sla import acknowledge as library  # noqa: PLC0415
    from include.sla.postgres import PostgresRecorder  # noqa: PLC0415

    context = get_current_context()
    try:
        form = filled(AcknowledgeForm, context["params"])
        selection = library.Selection(form.pipeline_name, form.kind(), form.window_start)
        by = (form.by or "").strip() or context["dag_run"].triggering_user_name or "the command line"
        with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
            report = library.acknowledge(PostgresRecorder(database), selection, by, utc_now())
    except ConfigurationError as error:
        raise AirflowFailException(str(error)) from error
    return {"acknowledged": report.acknowledged, "already": report.already}
