"""Claims about the filter."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.alerts.filtering import FilterRules, alertable_mask
from include.errors import ConfigurationError

COLUMNS = ("level", "service", "message", "log_content")
TEXTS = st.none() | st.text(alphabet="aZ é\n-_.timeoutOOM", max_size=12)
ROWS = st.tuples(
    st.none() | st.sampled_from(["INFO", "error", " WARN ", "FATAL", "debug", ""]),
    st.none() | st.sampled_from(["payments", "cali", "CALI", ""]),
    TEXTS,
    TEXTS,
)


def table(*rows: tuple[str | None, ...]) -> pa.Table:
    """Return a table of the filter's four columns."""
    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(COLUMNS)})


def mask(rules: FilterRules, *rows: tuple[str | None, ...]) -> list[bool]:
    """Return the filter's answer for the rows."""
    return alertable_mask(table(*rows), rules).to_pylist()


def by_hand(row: tuple[str | None, ...], rules: FilterRules) -> bool:
    """Return what the rules say of one row, in plain Python."""
    level, service, *texts = [text or "" for text in row]

    def mentions(words: tuple[str, ...]) -> bool:
        patterns = [rf"(?<![A-Za-z0-9_]){re.escape(word)}(?![A-Za-z0-9_])" for word in words]
        return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns for text in texts)

    if service.strip().lower() in rules.own_services or mentions(rules.held_back):
        return False
    return level.strip().upper() in rules.levels or mentions(rules.keywords)


@settings(deadline=None)
@given(st.lists(ROWS, max_size=30))
def test_every_valid_record_is_either_alertable_or_filtered(rows: list[tuple[str | None, ...]]) -> None:
    """The mask has one answer a row and never null, so alertable + filtered = valid; each is what the rules say."""
    rules = FilterRules(keywords=("timeout", "OOM"), held_back=("aZ",))
    assert mask(rules, *rows) == [by_hand(row, rules) for row in rows]


def test_levels_decide_whatever_their_case() -> None:
    """WARN and above pass by default, INFO and null do not."""
    rows = [(level, "shop", "m", None) for level in ("warn", "Error", "FATAL", "INFO", None)]
    assert mask(FilterRules(), *rows) == [True, True, True, False, False]


def test_a_keyword_lets_any_level_pass_as_a_whole_word() -> None:
    """A word counts where it stands by itself, in the message or in the log's own text, whatever its case."""
    rules = FilterRules(keywords=("out of memory",))
    rows = [
        ("INFO", "shop", "Out Of Memory!", None),
        ("INFO", "shop", None, "killed: out of memory"),
        ("INFO", "shop", "about of memoryless", None),
    ]
    assert mask(rules, *rows) == [True, True, False]


def test_a_keyword_between_slashes_is_a_regular_expression() -> None:
    """``/…/`` is taken as it stands; a dot in a plain keyword is a dot."""
    rows = [("INFO", "s", "code 503", None), ("INFO", "s", "a.b", None), ("INFO", "s", "axb", None)]
    assert mask(FilterRules(keywords=("/50[0-9]/", "a.b")), *rows) == [True, True, False]


def test_a_record_can_be_held_back_whatever_its_level() -> None:
    """The list that holds back wins over levels and keywords."""
    rules = FilterRules(keywords=("urgent",), held_back=("health check",))
    assert mask(rules, ("FATAL", "shop", "urgent: health check failed", None)) == [False]


def test_our_own_logs_never_raise_an_alert() -> None:
    """No alert about the alert: CALI's complaint about a 429 from Slack, read back from the stream, is filtered."""
    row = ("ERROR", "cali", "The message is rate limited for 30 s", None)
    assert mask(FilterRules(), row, ("ERROR", "shop", row[2], None)) == [False, True]


def test_dictionary_encoded_and_empty_tables_are_fine() -> None:
    """Parquet may hand back dictionaries; a batch may have no rows."""
    encoded = table(("ERROR", "shop", "m", None))
    encoded = encoded.set_column(0, "level", encoded.column("level").dictionary_encode())
    assert alertable_mask(encoded, FilterRules(keywords=("x",))).to_pylist() == [True]
    assert mask(FilterRules()) == []


def test_a_broken_expression_is_explained() -> None:
    """A regular expression that cannot be read is a setting to correct."""
    with pytest.raises(ConfigurationError, match="alert keyword"):
        mask(FilterRules(keywords=("/(/",)), ("INFO", "s", "m", None))
