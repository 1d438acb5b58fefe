"""The service levels' forms: what people can ask for, and the library's verb that does it."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from cali import connections
from cali.forms import ALL, filled, instant_param
from include.errors import ConfigurationError
from include.records import utc_now
from include.sla.contract import SlaType

if TYPE_CHECKING:
    from include.sla.acknowledge import Selection
    from include.sla.contract import Recorder

log = logging.getLogger(__name__)
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _text(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], title=title, description=description)


_KIND = Param(
    ALL,
    type="string",
    enum=[ALL, *map(str, SlaType)],
    title="Kind",
    description="Only this kind of service level, or all.",
)
_BY = _text("By", "Who says so. Empty: whoever triggers this.")
_PIPELINES = _text("Pipeline", "Only this pipeline, as in cali.sla_definitions. Empty: all.")

ACKNOWLEDGE_PARAMETERS = {
    "pipeline_name": Param(
        "logs_drain",
        type="string",
        minLength=1,
        title="Pipeline",
        description="Whose violations, as in cali.sla_definitions.",
    ),
    "sla_type": _KIND,
    "window_start": instant_param("Window", "Only the window that begins at this time. Empty: every window."),
    "by": _BY,
}
MAINTENANCE_PARAMETERS = {
    "pipeline_name": _PIPELINES,
    "from": instant_param("From", "When the maintenance begins."),
    "to": instant_param("To", "When it ends."),
    "reason": _text("Reason", "What is done; it stands beside every miss that is excused."),
    "by": _BY,
}
REBUILD_PARAMETERS = {
    "pipeline_name": _PIPELINES,
    "sla_type": _KIND,
    "from": instant_param("From", "Windows that begin at this time or later."),
    "to": instant_param("To", "Windows that begin before this time."),
    "reason": _text("Reason", "Why the verdicts are rebuilt; it stands beside each old verdict."),
    "dry_run": Param(
        default=True,
        type="boolean",
        title="Dry run",
        description="Say what would change, and change nothing. Then trigger again with this switched off.",
    ),
}


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class AcknowledgeForm(_Form):
    """What is acknowledged, field by field as in ``ACKNOWLEDGE_PARAMETERS``."""

    pipeline_name: Name
    sla_type: str = ALL
    window_start: AwareDatetime | None = None
    by: str | None = None


class MaintenanceForm(_Form):
    """What is announced, field by field as in ``MAINTENANCE_PARAMETERS``."""

    pipeline_name: Name | None = None
    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")
    reason: Name
    by: str | None = None


class RebuildForm(_Form):
    """What is rebuilt, field by field as in ``REBUILD_PARAMETERS``."""

    pipeline_name: Name | None = None
    sla_type: str = ALL
    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")
    reason: Name
    dry_run: bool = True


def acknowledge() -> dict[str, int]:
    """Acknowledge what the run's form says, in the name of whom it says or of whoever triggered it.

    Raises:
        AirflowFailException: a field has a value that is not allowed, or names nothing that there is.
        TransientError: Postgres was away; nothing was changed.
    """
    from include.sla import acknowledge as library  # noqa: PLC0415

    context = get_current_context()
    with _refusing(), _recorder() as recorder:
        form = filled(AcknowledgeForm, context["params"])
        selection = library.Selection(form.pipeline_name, _kind(form.sla_type), form.window_start)
        report = library.acknowledge(recorder, selection, _who(form.by, context), utc_now())
    return {"acknowledged": report.acknowledged, "already": report.already}


def announce() -> dict[str, str]:
    """Write down the maintenance that the run's form says.

    Raises:
        AirflowFailException: a field has a value that is not allowed, or the pipeline is promised nothing.
        TransientError: Postgres was away; nothing was changed.
    """
    from include.sla.maintenance import announce as library  # noqa: PLC0415

    context = get_current_context()
    with _refusing(), _recorder() as recorder:
        form = filled(MaintenanceForm, context["params"])
        by = _who(form.by, context)
        library(recorder, form.pipeline_name, (form.start, form.end), form.reason, by, utc_now())
    return {"from": form.start.isoformat(), "to": form.end.isoformat(), "by": by}


def rebuild() -> dict[str, object]:
    """Rebuild the verdicts that the run's form says, or say what would change; each change is in the log.

    Raises:
        AirflowFailException: a field has a value that is not allowed, or names nothing that there is.
        TransientError: Postgres was away; what was corrected stays.
    """
    from include.sla import rebuild as library  # noqa: PLC0415

    context = get_current_context()
    with _refusing(), _recorder() as recorder:
        form = filled(RebuildForm, context["params"])
        span = library.Span(form.start, form.end)
        selection = _selection(form.pipeline_name, _kind(form.sla_type))
        report = library.rebuild(recorder, selection, span, form.reason, utc_now(), dry_run=form.dry_run)
    for one in report.shown:
        log.info("%s %s: %s becomes %s (%s)", one.pipeline_name, one.window_start, one.was, one.becomes, one.reason)
    return {"dry_run": form.dry_run, "examined": report.examined, "changes": dict(report.changes)}


@contextmanager
def _refusing() -> Iterator[None]:
    """Let a wrong form end the run at once: another try would change nothing."""
    try:
        yield
    except ConfigurationError as error:
        raise AirflowFailException(str(error)) from error


@contextmanager
def _recorder() -> "Iterator[Recorder]":
    from include.ledger.postgres import connected  # noqa: PLC0415
    from include.sla.postgres import PostgresRecorder  # noqa: PLC0415

    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        yield PostgresRecorder(database)


def _selection(pipeline_name: str | None, kind: SlaType | None) -> "Selection | None":
    from include.sla.acknowledge import Selection  # noqa: PLC0415

    if pipeline_name is None and kind is not None:
        raise ConfigurationError("sla_type goes with a pipeline_name: name the pipeline, or leave both empty")
    return None if pipeline_name is None else Selection(pipeline_name, kind)


def _kind(word: str) -> SlaType | None:
    if word != ALL and word not in set(SlaType):
        raise ConfigurationError(f"sla_type={word!r} is not allowed: {ALL}, {', '.join(SlaType)}")
    return None if word == ALL else SlaType(word)


def _who(by: str | None, context: Mapping[str, Any]) -> str:
    return (by or "").strip() or context["dag_run"].triggering_user_name or "the command line"
