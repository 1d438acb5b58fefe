"""What becomes of values on their way into JSON."""

import json
import math
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd  # noqa: TID253 - a test may be slow to import
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.audit.jsonable import jsonable

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.datetimes(), st.dates()
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (math.inf, None),
        (np.float64("nan"), None),
        (np.int64(3), 3),
        (np.True_, True),
        (pd.NaT, None),
        (pd.NA, None),
        (np.array([1, 2]), [1, 2]),
        (np.dtype("int32"), "int32"),
        (pd.Timestamp("2026-01-02", tz="UTC"), "2026-01-02T00:00:00+00:00"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (("a", {"b": math.nan}), ["a", {"b": None}]),
        ("a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
        ({"k\x00": 1}, {"k\N{REPLACEMENT CHARACTER}": 1}),
        ("\ud800", "?"),
        (1 << 100, 1 << 100),
    ],
)
def test_values_become_json(value: object, expected: object) -> None:
    """What JSON or jsonb cannot hold becomes the nearest thing that they can."""
    assert jsonable(value) == expected


def test_long_texts_are_cut() -> None:
    """A text keeps its beginning and says by an ellipsis that there was more."""
    assert jsonable("x" * 9, longest_text=4) == "xxx…"


@given(VALUES)
def test_everything_becomes_json(value: object) -> None:
    """Whatever the value, strict JSON gives it back unchanged, and no NUL is in it."""
    plain = jsonable(value)
    text = json.dumps(plain, allow_nan=False)
    assert json.loads(text) == plain
    assert "\\u0000" not in text


@given(VALUES)
def test_becoming_json_twice_changes_nothing(value: object) -> None:
    """A value that JSON can hold stays as it is."""
    assert jsonable(jsonable(value)) == jsonable(value)
