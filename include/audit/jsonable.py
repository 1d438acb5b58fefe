"""Values of any library, made fit for JSON, for Postgres' ``jsonb`` and for people's eyes."""

import math
from collections.abc import Iterable, Mapping
from datetime import date

from typing_extensions import TypeAliasType

from include.alerts.redaction import redact_head

Json = TypeAliasType("Json", "bool | int | float | str | list[Json] | dict[str, Json] | None")

LONGEST_TEXT = 200
"""Characters of a text that are kept; the rest is replaced by an ellipsis."""


def jsonable(value: object, longest_text: int = LONGEST_TEXT) -> Json:
    """Return the JSON value nearest to ``value``.

    NaN, infinity and NaT become null, times become ISO 8601, numpy's scalars become Python's, a text is redacted and
    cut after ``longest_text`` characters. NUL, which ``jsonb`` refuses, becomes U+FFFD, a lone surrogate a question
    mark.
    """
    value = _plain(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_storable(str(key)): jsonable(item, longest_text) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [jsonable(item, longest_text) for item in value]
    return _cut(_storable(redact_head(str(value), longest_text + 1)), longest_text)


def _plain(value: object) -> object:
    """Turn a numpy scalar, a time or an enum-like string into a builtin."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, date):
        return None if str(value) == "NaT" else value.isoformat()
    return None if str(type(value).__name__) in {"NaTType", "NAType"} else value


def _storable(text: str) -> str:
    """Take out of a text what UTF-8 or ``jsonb`` refuses: lone surrogates and NUL."""
    whole = text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
    return whole.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _cut(text: str, longest: int) -> str:
    """Shorten a text to ``longest`` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
