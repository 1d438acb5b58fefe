"""Which records of a batch are alertable: by level, by keyword, and never CALI's own."""

import re
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import ConfigurationError

# A chunked array; pyarrow's stubs know less of its compute functions than they take.
Column = Any

SEARCHED = ("message", "log_content")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRules:
    """What makes a record alertable and what holds it back.

    ``levels`` and ``own_services`` are compared without case. A keyword is a word or phrase that must stand by
    itself in the message (``timeout`` does not match ``timeouts``), or, between slashes, a regular expression in
    RE2's syntax (``/OOM|out of memory/``); both ignore case. ``keywords`` make a record of any level alertable,
    ``held_back`` win over every other rule. ``own_services`` are the names that CALI's own components log under: an
    alert about a failed alert would feed itself.
    """

    levels: tuple[str, ...] = ("WARN", "WARNING", "ERROR", "SEVERE", "CRITICAL", "FATAL")
    keywords: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()
    own_services: tuple[str, ...] = ("cali",)


def alertable_mask(table: pa.Table, rules: FilterRules) -> pa.BooleanArray:
    """Return one boolean a row, never null: true where the record is alertable, false where it is filtered.

    ``table`` has the text columns ``level``, ``service``, ``message`` and ``log_content``, any of them nullable.

    Raises:
        ConfigurationError: a keyword is not a regular expression that RE2 accepts.
        KeyError: a column is missing.
    """
    level = pc.utf8_upper(pc.utf8_trim_whitespace(_text(table, "level")))
    service = pc.utf8_lower(pc.utf8_trim_whitespace(_text(table, "service")))
    wanted = _is_one_of(level, [name.upper() for name in rules.levels])
    wanted = pc.or_(wanted, _mentions(table, rules.keywords))
    held = _is_one_of(service, [name.lower() for name in rules.own_services])
    held = pc.or_(held, _mentions(table, rules.held_back))
    alertable: Column = pc.and_not(wanted, held)
    mask: pa.BooleanArray = alertable.combine_chunks()
    return mask


def _text(table: pa.Table, column: str) -> Column:
    values: Column = table.column(column)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        values = values.cast(pa.string())
    return pc.fill_null(values, "")


def _is_one_of(values: Column, names: list[str]) -> Column:
    return pc.is_in(values, value_set=pa.array(names, type=values.type))


def _mentions(table: pa.Table, keywords: tuple[str, ...]) -> Column:
    if not keywords:
        return pa.chunked_array([pa.repeat(pa.scalar(value=False), table.num_rows)])
    pattern = "|".join(f"(?:{_pattern(keyword)})" for keyword in keywords)
    try:
        found = [pc.match_substring_regex(_text(table, name), pattern, ignore_case=True) for name in SEARCHED]
    except pa.ArrowInvalid as error:
        raise ConfigurationError(
            f"An alert keyword is not a regular expression ({error}); correct it in the alert settings"
        ) from error
    return pc.or_(*found)


def _pattern(keyword: str) -> str:
    """Return the expression of one keyword: what stands between slashes, or the word by itself."""
    if len(keyword) > len("//") and keyword.startswith("/") and keyword.endswith("/"):
        return keyword[1:-1]
    return rf"(?:^|\W){re.escape(keyword)}(?:\W|$)"
