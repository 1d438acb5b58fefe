"""Records that are made to do harm, by name: those that must be refused, and sound ones that are hard to stomach."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from tests.include.drain.packing import NOW, aggregate, zstd

MIB = 1 << 20

Spoil = Callable[[bytes], bytes]


def log_event(number: int = 1, **changes: object) -> bytes:
    """Return a sound log event."""
    fields: dict[str, Any] = {
        "event_id": f"7d1f2c1e-0d5c-4a57-9a3e-{number:012d}",
        "timestamp": NOW.isoformat(),
        "level": "INFO",
        "service": "cart",
        "message": "the basket is full",
        "log_content": "INFO the basket is full",
        "pod": "cart-1",
        "version": "1.0",
    }
    return json.dumps(fields | changes).encode()


def _with(value: bytes) -> Spoil:
    """Return how an event gets an unknown field with this JSON text as its value."""
    return lambda event: event[:-1] + b',"more":' + value + b"}"


SPOILED: Mapping[str, Spoil] = MappingProxyType(
    {
        "nesting behind the parser's limit": _with(b"[" * 201 + b"]" * 201),
        "a megabyte of digits": _with(b"9" * MIB),
        "NUL bytes": lambda event: event.replace(b'"level"', b'"level\x00"'),
        "a lone surrogate": _with(b'"\\ud800"'),
        "a lone surrogate for a name": lambda event: event[:-1] + b',"\\udfff":1}',
        "NaN": _with(b"NaN"),
        "infinity": _with(b"-Infinity"),
        "a float past all bounds": _with(b"1e999"),
        "the same key again, and broken": lambda event: event[:-1] + b',"level":"INFO","level":"LOUD"}',
        "a hundred thousand times the same key": lambda event: event[:-1] + b',"a":1' * 100_000,
        "bytes of no text": _with(b'"\xff\xfe"'),
    }
)
"""How an event becomes one that must be refused."""


@cache
def bombs() -> Mapping[str, bytes]:
    """Return records that must be refused and are no events; they take longer to make than to refuse."""
    return {
        "a megabyte of opened lists": b"[" * MIB,
        "a megabyte of opened objects": b'{"a":' * (MIB // 5),
        "a megabyte of lists in lists": b"[" * (MIB // 2) + b"]" * (MIB // 2),
        "a megabyte of NUL": bytes(MIB),
        "zstd of 70 MiB": zstd(bytes(70 * MIB)),
        "a KPL aggregate that inflates to 72 MiB": aggregate([zstd(bytes(9 * MIB))] * 8),
        "a KPL aggregate of 100,001 records": aggregate([b""] * 100_001),
        "100,001 lines in a few bytes": zstd(b"{}\n" * 100_001),
    }


def refused() -> Mapping[str, bytes]:
    """Return every record that must be refused, by name."""
    return {name: spoil(log_event(999)) for name, spoil in SPOILED.items()} | bombs()


HARD: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "NUL in every text": {
            "message": "a\x00b",
            "log_content": "a\x00b\n\tat x\x00",
            "pod": "p\x00",
            "version": "\x00",
        },
        "nothing but NUL": {"message": "\x00", "log_content": "\x00"},
        "white space": {"message": " \n\t ", "log_content": "\n\n\n"},
        "line ends of all kinds": {"message": "\x1c\x85\u2028\r\n\x0b", "log_content": "\u2029\x1e"},
        "text that turns round": {"message": "\u202e\u2066evil", "log_content": "\ufeff\u200b"},
        "a digit of another script": {
            "message": "took \u0661\u0662 ms at \U0001d7d9\U0001d7da",
            "log_content": "\u00b2\u00b3",
        },
        "the longest texts": {"message": "a-1" * 2_730, "log_content": "at x.y.Z(Z.java:1)\n" * 13_797},
        "Slack's own markup": {"message": "<!channel> *&lt;* `x` <https://x|y>", "log_content": "```\n<!here>"},
        "a huge whole number": {"more": 10**4_000},
        "names of the platform's own": {"_stream": "x", "_batch_id": None, "extra": {"extra": 1}, "__class__": 1},
    }
)
"""What a sound ERROR event may hold that later stages could stumble over."""


def hard() -> list[bytes]:
    """Return the sound events, each with an id of its own."""
    return [log_event(number, level="ERROR", **changes) for number, changes in enumerate(HARD.values(), 100)]
