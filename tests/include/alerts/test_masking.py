"""Claims about message templates."""

import time
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.alerts import masking
from include.alerts.masking import LONGEST, shape, template


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
        ("since Sun Jul  9 03:55:15 2005", "since [time]"),
        ("since Jul 10 03:55:15 UTC, more", "since [time], more"),
        ("peer dsl-7.pool.example.net:80 gone", "peer [host] gone"),
        ("peer db.shop.eu gone", "peer [host] gone"),
        ("peer FF:F2:9F:16:E2:23 gone", "peer [ip] gone"),
        ("peer /10.0.0.7:80 gone", "peer [ip] gone"),
        ("com.acme.shop.Cart failed in cart.py", "com.acme.shop.Cart failed in cart.py"),
        ("session closed for user bob", "session closed [user]"),
        ("attempt_2005_0020_m_00 died", "[id] died"),
        ("balance is -7.50", "balance is [num]"),
        ('"GET /a?b=1 HTTP/1.1" refused', '"GET [path] HTTP/[num]" refused'),
        ("open ../x//y_1 failed", "open [path] failed"),
        ("S3 is away", "S[num] is away"),
        ("The mill is full: hopper jam", "The mill is full: hopper jam"),
        ("The mill is full: 12 Elm St, NY", "The mill is full"),
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


PIECES = ("0x", "x", "ab", "deadbeef", "-", "_", ":", ": ", ".", "/", "'", " ", "by user ", "Jan ", "12", "0", "ms")


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=25).map("".join))
def test_which_digit_it_is_moves_no_template(line: str) -> None:
    """Templates are kept by the line with its digits alike: that must be the same as masking the line as it stands."""
    assert template(line) == masked_afresh(line)


def masked_afresh(line: str) -> str:
    """Return the line's template as it is without the short cut."""
    return masking._template.__wrapped__(line.lstrip().partition("\n")[0][:LONGEST].rstrip())


VARIABLES = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.integers(0, 2**64).map("{:016x}0".format),
    st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number))),
    st.uuids().map(str),
    st.datetimes().map(lambda at: at.isoformat(sep=" ")),
    st.from_regex(r"(/[a-z0-9_]{1,9}){1,4}", fullmatch=True),
    st.from_regex(r"[a-z]{1,9}-[0-9]{1,5}(\.[a-z]{1,9}){1,3}\.(com|net|local)", fullmatch=True),
    st.from_regex(r"[a-z]{1,9}(_|-)[0-9]{1,9}", fullmatch=True),
    st.from_regex(r'"[a-z :]*"', fullmatch=True),
)


@given(st.lists(VARIABLES, min_size=1, max_size=5))
def test_what_varies_has_one_shape_whatever_its_kind(values: list[str]) -> None:
    """An id, an address, a path, a time or a list of them: the problem is the same."""
    assert shape(template(f"no answer from {', '.join(values)} yet")) == "no answer from * yet"


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a.",
        "1",
        "1.",
        "/a",
        "'",
        '"',
        "a-",
        "0x",
        "1:",
        "@",
        "a@a.",
        "a_",
        "a1_",
        "ab:",
        "1.1.",
        "../",
        "(",
        "Jul ",
        "GET ",
        "'a",
    ],
)
def test_a_hostile_message_costs_little(unit: str) -> None:
    """However a message of a megabyte repeats itself, its template is soon there."""
    started = time.process_time()
    masked = template(unit * (1_000_000 // len(unit)))
    assert len(masked) <= LONGEST * 10
    assert time.process_time() - started < 10.0
