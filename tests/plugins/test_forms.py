"""A filled form: taken when it is right, refused by name when it is not."""

import re
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from cali.forms import INSTANT, filled, instant_param, stream_param
from include import streams
from include.errors import ConfigurationError


class Order(BaseModel):
    """A form with one number."""

    model_config = ConfigDict(extra="forbid")

    records: int = 5


@pytest.mark.parametrize("params", [{}, {"records": 5}], ids=repr)
def test_a_right_form_is_taken(params: dict[str, Any]) -> None:
    """A field that was left out has its default."""
    assert Order(records=5) == filled(Order, params)


@pytest.mark.parametrize(
    ("params", "named"),
    [({"records": "many"}, "records='many'"), ({"recods": 5}, "recods=5")],
    ids=repr,
)
def test_a_wrong_form_is_refused_by_name(params: dict[str, Any], named: str) -> None:
    """A wrong value and a misspelt key both say which field it is."""
    with pytest.raises(ConfigurationError, match=named):
        filled(Order, params)


def test_the_streams_are_offered_as_a_choice() -> None:
    """Every stream that there is can be chosen, and the empty form is valid."""
    param = stream_param()
    assert streams.names() == param.schema["enum"]
    assert param.resolve() in streams.names()


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("2026-01-31T12:00:00Z", True),
        ("2026-01-31T12:00+01:00", True),
        ("2026-01-31T12:00:00", False),
        ("yesterday", False),
    ],
)
def test_an_instant_needs_its_zone(written: str, right: bool) -> None:
    """A time without a zone means nothing here."""
    assert right == bool(re.match(INSTANT, written))
    assert instant_param("From", "Begin here.").resolve() is None
