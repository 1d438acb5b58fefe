"""Claims about message templates."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.alerts.masking import LONGEST, template


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("user 4711 not found", "user [num] not found"),
        ("took 31 ms, limit 1.5s", "took [duration], limit [duration]"),
        ("no route to 10.0.0.7:8080", "no route to [ip]"),
        ("peer 2001:db8:0:0:0:0:2:1 gone", "peer [ip] gone"),
        ("cannot parse \"a b\" or 'c'", "cannot parse [quoted] or [quoted]"),
        ("user's cart isn't full", "user's cart isn't full"),
        ("mail to bob.b@example.co.uk bounced", "mail to [email] bounced"),
        ("open /var/lib/x-1/data.db failed", "open [path] failed"),
        ("open C:\\logs\\today.log failed", "open [path] failed"),
        ("read/write error", "read/write error"),
        ("id 6f9619ff-8b86-d011-b42d-00c04fc964ff", "id [uuid]"),
        ("trace 4bf92f3577b34da6 at 0x7ffe", "trace [hex] at [hex]"),
        ("GET https://x.example/a?b=1 failed", "GET [url] failed"),
        ("since 2026-03-01T12:00:00.123Z", "since [time]"),
        ("retry 3 of 5\nsecond line 9", "retry [num] of [num]"),
        ("", ""),
    ],
)
def test_variable_parts_are_masked(message: str, expected: str) -> None:
    """Numbers, ids, addresses, quotations, paths and times go; words stay."""
    assert template(message) == expected


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_messages_that_differ_in_numbers_share_a_template(one: int, other: int) -> None:
    """An order's number is no part of what went wrong."""
    assert template(f"order {one} failed") == template(f"order {other} failed")


@pytest.mark.parametrize("unit", ["a", "a.", "1", "1.", "/a", "'", '"', "a-", "0x", "1:", "@", "a@a."])
def test_a_hostile_message_costs_little(unit: str) -> None:
    """However a message of a megabyte repeats itself, its template takes milliseconds."""
    started = time.process_time()
    masked = template(unit * (1_000_000 // len(unit)))
    assert len(masked) <= LONGEST * 10
    assert time.process_time() - started < 0.2
