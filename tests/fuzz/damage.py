"""How a fuzz test breaks what producers write: bytes, JSON's values, and records that are made to do harm."""

from collections.abc import Callable
from random import Random

from tests.poison import SPOILED, bombs

MOST_EDITS = 3
TOKENS = (
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\n", b"\r\n", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xf3\x89"),
    *(b'\n{"level":"INFO"}\n', b'"logEvents"', b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf", b"\\ud800", b"1e999"),
)
ODD_VALUES = (
    *(b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 40, b"9" * 4_301, b"null", b"true", b"[]", b"{}", b'""', b"0.1"),
    *(b'"\\u0000"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u202e"', b'"' + b"x" * 9_000 + b'"', b'"\xc3\x28"'),
    *(b'"1970-01-01T00:00:00Z"', b'"2026-02-28T23:59:00"', b'"2026-03-01T08:59:00+09:00"', b'"2099-01-01T00:00:00Z"'),
    *(b'"2026-02-28T23:59:60Z"', b"1772323140", b'{"a":{"a":[1,{"b":null}]}}', b"[" * 300 + b"]" * 300),
    *(
        b'"ERROR"',
        b'"FATAL"',
        b'"cart"',
        b'"7d1f2c1e-0d5c-4a57-9a3e-2f6f0f1d9b11"',
        b'"7D1F2C1E0D5C4A579A3E2F6F0F1D9B11"',
    ),
)
FIELDS = (
    b"event_id",
    b"timestamp",
    b"level",
    b"service",
    b"message",
    b"log_content",
    b"pod",
    b"version",
    b"request_id",
)


def damaged(data: bytes, rng: Random) -> bytes:
    """Return the data with one to three edits."""
    edited = bytearray(data)
    for _ in range(rng.randint(1, MOST_EDITS)):
        rng.choice(EDITS)(edited, rng.randrange(len(edited) + 1), rng)
    return bytes(edited)


def _flip(data: bytearray, at: int, rng: Random) -> None:
    if data:
        data[at % len(data)] ^= 1 << rng.randrange(8)


def _put_token(data: bytearray, at: int, rng: Random) -> None:
    data[at:at] = rng.choice(TOKENS)


def _overwrite(data: bytearray, at: int, rng: Random) -> None:
    noise = rng.randbytes(rng.randint(1, 8))
    data[at : at + len(noise)] = noise


def _remove(data: bytearray, at: int, rng: Random) -> None:
    del data[at : at + rng.choice((1, 2, 10, 100))]


def _repeat(data: bytearray, at: int, rng: Random) -> None:
    data[at:at] = data[at : at + rng.choice((1, 4, 50, 1_000))]


def _cut(data: bytearray, at: int, rng: Random) -> None:
    del data[-at if rng.random() < 1 / 2 else at :]


Edit = Callable[[bytearray, int, Random], None]
EDITS: tuple[Edit, ...] = (
    _flip,
    _flip,
    _put_token,
    _overwrite,
    _remove,
    _repeat,
    _cut,
)


def odd_value(event: bytes, rng: Random) -> bytes:
    """Return the event with a value that hardly anybody expects: in a field of its own, or in one that it has already.

    A field that is there twice is decided by its last value, as everywhere in JSON.
    """
    name = rng.choice((*FIELDS, b"extra", b"\\u0000", b"_stream", b"__class__", b""))
    pair = b'"%b":%b' % (name, rng.choice(ODD_VALUES))
    if rng.random() < 1 / 2:
        return event[:-1] + b"," + pair + b"}"
    return b"{" + pair + b"," + event[1:]


def poison(event: bytes, rng: Random) -> bytes:
    """Return a record that was made to do harm: by its nesting, its size, or what it grows to."""
    made = rng.choice((*SPOILED.values(), *bombs().values()))
    return made if isinstance(made, bytes) else made(event)
