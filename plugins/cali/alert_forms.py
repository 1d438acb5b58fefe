"""The alerts' forms: what people can ask for, and the library's verb that does it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cali import connections
from cali.forms import Form, filled
from include.errors import ConfigurationError
from include.records import utc_now

if TYPE_CHECKING:
    from include.alerts.mutes import By
    from include.alerts.muting import Matcher
    from include.alerts.store import PostgresAlertStore

LONGEST_SILENCE_H = 24 * 31
FIELDS = {
    "stream": ("Stream", "such as logs"),
    "service": ("Service", "such as payments or pay*; every service of a group must match"),
    "level": ("Level", "such as WARN"),
    "fingerprint": ("Fingerprint", "eight digits of it or more, as a message shows them"),
    "title": ("Title", "such as *connection refused*; a star stands for anything"),
}


def _trimmed(value: object) -> object:
    return (value.strip() or None) if isinstance(value, str) else value


Text = Annotated[str | None, BeforeValidator(_trimmed)]
"""A field of a form that may be left empty."""


def _text(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], title=title, description=description)


def _number(title: str, description: str) -> Param:
    return Param(None, type=["null", "integer"], minimum=1, title=title, description=description)


def _matcher_params(prefix: str = "", of: str = "") -> dict[str, Param]:
    return {
        prefix + name: _text(f"{of}{title}", f"Only groups with this {name}: {words}. Empty: any.")
        for name, (title, words) in FIELDS.items()
    }


BY = {
    "who": _text("Who", "In whose name. Empty: whoever triggers this."),
    "why": _text("Why", "What the others should know; it stands in the messages."),
}
ACKNOWLEDGE_PARAMETERS = {"group": _number("Group", "The number that the message shows."), **_matcher_params(), **BY}
SILENCE_PARAMETERS = {
    **_matcher_params(),
    "hours": Param(
        1.0,
        type="number",
        exclusiveMinimum=0,
        maximum=LONGEST_SILENCE_H,
        title="Hours",
        description="How long nobody is to be told. It ends by itself.",
    ),
    **BY,
    "end": _number("End", "The number of a silence that is to end now; nothing else is asked then."),
}
INHIBIT_PARAMETERS = {
    **_matcher_params("source_", "Cause: "),
    **_matcher_params("target_", "Mute: "),
    **BY,
    "lift": _number("Lift", "The number of an inhibition that is to be switched off; nothing else is asked then."),
}


class _By(BaseModel):
    """Who asks, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    who: Text = None
    why: Text = None

    def by(self, context: Mapping[str, Any], *, needs_reason: bool = True) -> "By":
        """Return who asks; whoever triggered the run, unless the form names somebody.

        Raises:
            ConfigurationError: a reason is needed and was not given.
        """
        from include.alerts.mutes import By  # noqa: PLC0415

        if needs_reason and not self.why:
            raise ConfigurationError("why is empty: say why, the others will read it")
        return By(self.who or context["dag_run"].triggering_user_name or "the command line", self.why or "")


class AcknowledgeForm(_By):
    """Whose work is acknowledged, field by field as in ``ACKNOWLEDGE_PARAMETERS``."""

    group: Annotated[int, Field(ge=1)] | None = None
    stream: Text = None
    service: Text = None
    level: Text = None
    fingerprint: Text = None
    title: Text = None


class SilenceForm(_By):
    """What is silenced, field by field as in ``SILENCE_PARAMETERS``."""

    stream: Text = None
    service: Text = None
    level: Text = None
    fingerprint: Text = None
    title: Text = None
    hours: Annotated[float, Field(gt=0, le=LONGEST_SILENCE_H)] = 1.0
    end: Annotated[int, Field(ge=1)] | None = None


class InhibitForm(_By):
    """What mutes what, field by field as in ``INHIBIT_PARAMETERS``."""

    source_stream: Text = None
    source_service: Text = None
    source_level: Text = None
    source_fingerprint: Text = None
    source_title: Text = None
    target_stream: Text = None
    target_service: Text = None
    target_level: Text = None
    target_fingerprint: Text = None
    target_title: Text = None
    lift: Annotated[int, Field(ge=1)] | None = None


def acknowledge() -> dict[str, object]:
    """Say who is at the groups that the form means; return their numbers.

    Raises:
        AirflowFailException: a field has a value that is not allowed.
        AirflowSkipException: no open group is meant that nobody is at yet.
    """
    from include.alerts.acknowledging import Wanted  # noqa: PLC0415
    from include.alerts.environment import alert_settings  # noqa: PLC0415

    with _asked(AcknowledgeForm) as (form, alerts, context):
        matcher = None if form.group and not _is_given(form) else _matcher(form)
        by = form.by(context, needs_reason=False)
        groups = alerts.acknowledge(Wanted(form.group, matcher), by, utc_now(), alert_settings())
    if not groups:
        raise AirflowSkipException("No open group is meant that nobody is at: select id, title from cali.alert_groups")
    return {"acknowledged": groups}


def silence() -> dict[str, int]:
    """Silence what the form means, or end a silence; return its number.

    Raises:
        AirflowFailException: a field has a value that is not allowed, or there is no such silence.
    """
    with _asked(SilenceForm) as (form, alerts, context):
        now = utc_now()
        if form.end:
            if not alerts.mutes.end_silence(form.end, now):
                raise ConfigurationError(f"end={form.end} is no silence that lasts: look into cali.alert_silences")
            number = form.end
        else:
            until = now + timedelta(hours=form.hours)
            number = alerts.mutes.silence(_matcher(form), until, form.by(context), now)
        _settle(alerts)
    return {"silence": number}


def inhibit() -> dict[str, int]:
    """Let groups mute others as the form says, or switch that off; return the inhibition's number.

    Raises:
        AirflowFailException: a field has a value that is not allowed, or there is no such inhibition.
    """
    with _asked(InhibitForm) as (form, alerts, context):
        if form.lift:
            if not alerts.mutes.lift(form.lift):
                raise ConfigurationError(f"lift={form.lift} is no inhibition that is on: see cali.alert_inhibitions")
            number = form.lift
        else:
            source, target = _matcher(form, "source_"), _matcher(form, "target_")
            number = alerts.mutes.inhibit(source, target, form.by(context), utc_now())
        _settle(alerts)
    return {"inhibition": number}


@contextmanager
def _asked(form: type[Form]) -> "Iterator[tuple[Form, PostgresAlertStore, Mapping[str, Any]]]":
    """Yield the filled form, the store and the context; what is wrong with a form no second try mends."""
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415

    context: Mapping[str, Any] = get_current_context()
    try:
        asked = filled(form, context["params"])
        with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
            yield asked, PostgresAlertStore(database), context
    except ConfigurationError as error:
        raise AirflowFailException(str(error)) from error


def _matcher(form: BaseModel, prefix: str = "") -> "Matcher":
    from include.alerts.muting import Matcher  # noqa: PLC0415

    return Matcher(**{name: getattr(form, prefix + name) for name in FIELDS})


def _is_given(form: BaseModel) -> bool:
    return any(getattr(form, name) for name in FIELDS)


def _settle(alerts: "PostgresAlertStore") -> None:
    """Let it hold at once, also for messages that wait already."""
    from include.alerts.environment import alert_settings  # noqa: PLC0415

    alerts.settle(utc_now(), alert_settings())
