"""The ways in which a producer breaks a stream's contract; every result is refused by the stream's model.

No result holds a line end: a consumer that splits payloads into lines must still see one record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from json import JSONEncoder
from random import Random
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Breakable:
    """What of a stream's events can be broken.

    Attributes:
        wrong: fields with a value that the model refuses.
        required: fields that may not be missing.
        text: a field that holds text.
        time: the field that holds the event's own time.
        bulky: a text field that is refused when it takes up most of a megabyte.
    """

    wrong: tuple[tuple[str, object], ...]
    required: tuple[str, ...]
    text: str
    time: str
    bulky: str


Spoil = Callable[[Body, Random, Breakable], bytes]

RECORD_LIMIT = 1_048_576
"""What Kinesis accepts for one record: data and partition key together, in bytes."""
OVERSIZED_SHARE = 1 / 50
"""The share of malformed records that is oversized, at most."""
OVERSIZED_DISTANCE = 500
"""How many records lie between two oversized ones at least, so that one call carries one of them."""

encode = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""The wire form of an event: compact JSON, UTF-8 unescaped."""


def _truncated(body: Body, rng: Random, _: Breakable) -> bytes:
    data = encode(body).encode()
    return data[: rng.randrange(1, len(data))]


def _trailing_garbage(body: Body, rng: Random, _: Breakable) -> bytes:
    """One event with something after it; another event after a comma is the garbage that a joined batch can hide."""
    data = encode(body).encode()
    return data + rng.choice((b"}", b" EOF", b"\x00", b"," + data, data))


def _wrong_type(body: Body, rng: Random, can: Breakable) -> bytes:
    field, value = rng.choice(can.wrong)
    return encode({**body, field: value}).encode()


def _missing_field(body: Body, rng: Random, can: Breakable) -> bytes:
    missing = rng.sample(can.required, k=rng.randint(1, 3))
    return encode({name: value for name, value in body.items() if name not in missing}).encode()


def _bad_encoding(body: Body, rng: Random, can: Breakable) -> bytes:
    """The text holds bytes of another encoding: Latin-1, UTF-16, half a character, or a lone surrogate."""
    wrong = rng.choice((b"caf\xe9", b"\xff\xfeo\x00k\x00", b"\xe2\x82", b"\\ud83d", b"\xed\xa0\x80"))
    return encode({**body, can.text: "@@"}).encode().replace(b'"@@"', b'"' + wrong + b' "')


def _absurd_timestamp(body: Body, rng: Random, can: Breakable) -> bytes:
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
    return encode({**body, can.time: rng.choice(absurd)}).encode()


def _empty_object(_: Body, rng: Random, __: Breakable) -> bytes:
    return rng.choice((b"{}", b"{ }"))


def _not_an_object(body: Body, rng: Random, _: Breakable) -> bytes:
    other = rng.choice(([], None, 42, "text", True, [body], [[body], body]))
    return encode(other).encode()


def _oversized(body: Body, rng: Random, can: Breakable) -> bytes:
    """A record just below what Kinesis takes, and more than the contract takes."""
    room = RECORD_LIMIT - 256 - rng.randrange(2_048) - len(encode({**body, can.bulky: ""}).encode())
    return encode({**body, can.bulky: "x" * room}).encode()


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

    def __init__(self, rng: Random, can: Breakable) -> None:
        self._rng = rng
        self._can = can
        self._kinds = tuple(COMMON)
        self._oversized_from = 0

    def spoil(self, body: Body, position: int) -> tuple[str, bytes]:
        """Return the kind and the broken bytes of the event at ``position`` in the generator's row."""
        if position >= self._oversized_from and self._rng.random() < OVERSIZED_SHARE:
            self._oversized_from = position + OVERSIZED_DISTANCE
            return OVERSIZED, _oversized(body, self._rng, self._can)
        kind = self._rng.choice(self._kinds)
        return kind, COMMON[kind](body, self._rng, self._can)
