"""The ways in which a producer breaks the contract; every result is refused by ``LogEvent``.

No result holds a line end: a consumer that splits payloads into lines must still see one record.
"""

from collections.abc import Callable
from json import JSONEncoder
from random import Random
from typing import Any

Body = dict[str, Any]
Spoil = Callable[[Body, Random], bytes]

RECORD_LIMIT = 1_048_576
"""What Kinesis accepts for one record: data and partition key together, in bytes."""
OVERSIZED_SHARE = 1 / 50
"""The share of malformed records that is oversized, at most."""
OVERSIZED_DISTANCE = 500
"""How many records lie between two oversized ones at least, so that one call carries one of them."""

encode = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""The wire form of an event: compact JSON, UTF-8 unescaped."""


def _truncated(body: Body, rng: Random) -> bytes:
    data = encode(body).encode()
    return data[: rng.randrange(1, len(data))]


def _trailing_garbage(body: Body, rng: Random) -> bytes:
    """One event with something after it; another event after a comma is the garbage that a joined batch can hide."""
    data = encode(body).encode()
    return data + rng.choice((b"}", b" EOF", b"\x00", b"," + data, data))


def _wrong_type(body: Body, rng: Random) -> bytes:
    field, value = rng.choice(
        (
            ("event_id", 17),
            ("event_id", "not-a-uuid"),
            ("timestamp", 1_767_225_600),
            ("level", "error"),
            ("level", ["ERROR"]),
            ("service", {"name": "order"}),
            ("message", None),
            ("message", 404),
            ("log_content", ["first line", "second line"]),
            ("pod", False),
            ("version", 2.4),
            ("request_id", 99),
        )
    )
    return encode({**body, field: value}).encode()


def _missing_field(body: Body, rng: Random) -> bytes:
    fields = ("event_id", "timestamp", "level", "service", "message", "log_content", "pod", "version")
    missing = rng.sample(fields, k=rng.randint(1, 3))
    return encode({name: value for name, value in body.items() if name not in missing}).encode()


def _bad_encoding(body: Body, rng: Random) -> bytes:
    """The message holds bytes of another encoding: Latin-1, UTF-16, half a character, or a lone surrogate."""
    wrong = rng.choice((b"caf\xe9", b"\xff\xfeo\x00k\x00", b"\xe2\x82", b"\\ud83d", b"\xed\xa0\x80"))
    return encode({**body, "message": "@@"}).encode().replace(b'"@@"', b'"' + wrong + b' "')


def _absurd_timestamp(body: Body, rng: Random) -> bytes:
    absurd = (
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "2026-02-30T12:00:00Z",
        "2026-03-01T12:00:00",
        "2026-03-01",
        "1767225600",
        "yesterday at noon",
        "",
    )
    return encode({**body, "timestamp": rng.choice(absurd)}).encode()


def _empty_object(_: Body, rng: Random) -> bytes:
    return rng.choice((b"{}", b"{ }"))


def _not_an_object(body: Body, rng: Random) -> bytes:
    other = rng.choice(([], None, 42, "text", True, [body], [[body], body]))
    return encode(other).encode()


def _oversized(body: Body, rng: Random) -> bytes:
    """A record just below what Kinesis takes, and four times what the contract takes."""
    room = RECORD_LIMIT - 256 - rng.randrange(2_048) - len(encode({**body, "log_content": ""}).encode())
    return encode({**body, "log_content": "x" * room}).encode()


COMMON: dict[str, Spoil] = {
    "truncated_json": _truncated,
    "trailing_garbage": _trailing_garbage,
    "wrong_type": _wrong_type,
    "missing_field": _missing_field,
    "bad_encoding": _bad_encoding,
    "absurd_timestamp": _absurd_timestamp,
    "empty_object": _empty_object,
    "not_an_object": _not_an_object,
}
OVERSIZED = "oversized"
KINDS = (*COMMON, OVERSIZED)
"""Every ``kind`` that a malformed record may have."""


class Spoiler:
    """Picks a way to break an event; rarely, and never twice within a call's worth of records, an oversized one."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._kinds = tuple(COMMON)
        self._oversized_from = 0

    def spoil(self, body: Body, position: int) -> tuple[str, bytes]:
        """Return the kind and the broken bytes of the event at ``position`` in the generator's row."""
        if position >= self._oversized_from and self._rng.random() < OVERSIZED_SHARE:
            self._oversized_from = position + OVERSIZED_DISTANCE
            return OVERSIZED, _oversized(body, self._rng)
        kind = self._rng.choice(self._kinds)
        return kind, COMMON[kind](body, self._rng)
