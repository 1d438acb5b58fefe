"""What the DAGs' forms share: the fields that several of them have, and how a filled form is taken."""

from collections.abc import Mapping
from typing import Any, TypeVar

from airflow.sdk import Param
from pydantic import BaseModel, ValidationError

from include import streams
from include.errors import ConfigurationError
from include.settings import running_streams

Form = TypeVar("Form", bound=BaseModel)

INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$"
"""A time with its zone, as the form's date picker and RFC 3339 write it."""


def stream_param() -> Param:
    """Return the choice of a stream; the first one there is stands in the empty form."""
    names = streams.names()
    return Param(names[0], type="string", enum=names, title="Stream", description="Which stream it is about.")


ALL = "all"
"""The choice of every stream that runs."""


def streams_param() -> Param:
    """Return the choice of one stream or all; all stands in the empty form."""
    choices = [ALL, *streams.names()]
    return Param(ALL, type="string", enum=choices, title="Stream", description="Which stream it is about, or all.")


def chosen_streams(choice: str) -> list[str]:
    """Return the names of the streams that a choice means.

    Raises:
        ConfigurationError: there is no such stream.
    """
    return [streams.get(name).name for name in (running_streams() if choice == ALL else [choice])]


def instant_param(title: str, description: str) -> Param:
    """Return an optional point in time, with its zone."""
    # The format makes the form's date picker; what it means is checked only where an optional package is installed.
    return Param(
        None, type=["null", "string"], format="date-time", pattern=INSTANT, title=title, description=description
    )


def filled(form: type[Form], params: Mapping[str, Any]) -> Form:
    """Return what a run was asked for, whether it came by the form, the command line or the API.

    ``form`` should forbid extra fields: a misspelt key is refused then, and not silently ignored.

    Raises:
        ConfigurationError: a field is missing, unknown or has a value that is not allowed; the message names it.
    """
    try:
        return form.model_validate(dict(params))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or form.__name__
        raise ConfigurationError(f"{field}={first['input']!r} is not allowed: {first['msg']}") from error
