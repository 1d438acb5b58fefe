"""Hold what the stream still has of a shard against what lies in ``raw/``, batch by batch and both ways.

Bodies are let go as soon as they are hashed; no more than one batch's hashes are held.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from msgspec.structs import replace

from include.drain.payloads.unpack import SubRecord, unpack
from include.records import StreamRecord

Part = tuple[int, bytes]
"""An event's sub-sequence, and the SHA-256 of its data."""


class Held(NamedTuple):
    """What ``raw/`` has of one stream record."""

    arrived_at: datetime
    parts: list[Part]


class Absent(NamedTuple):
    """A stream record that ``raw/`` has and the stream did not return; ``events`` is how many came out of it."""

    sequence_number: str
    arrived_at: datetime
    events: int


@dataclass(slots=True)
class Comparison:
    """What came of comparing a batch; ``equal`` counts events, the others name stream records."""

    equal: int = 0
    lost: list[StreamRecord] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)


def held_records(events: Iterable[SubRecord]) -> dict[str, Held]:
    """Return what a raw object holds, by sequence number."""
    held: dict[str, Held] = {}
    for sub in events:
        record = sub.record
        held.setdefault(record.sequence_number, Held(record.arrived_at, [])).parts.append(_part(sub))
    return held


def compare_records(held: Mapping[str, Held], records: Iterable[StreamRecord]) -> Comparison:
    """Compare what ``raw/`` holds with what the stream has of the same range.

    A record counts as equal when its bytes, whole or opened, are those in ``raw/``: whether a stream's records are
    opened is a setting that may have changed since.
    """
    outcome = Comparison()
    seen = set()
    for record in records:
        kept = held.get(record.sequence_number)
        if kept is None:
            outcome.lost.append(replace(record, data=b""))
            continue
        seen.add(record.sequence_number)
        if kept.parts == [(0, sha256(record.data).digest())] or kept.parts == [_part(sub) for sub in unpack([record])]:
            outcome.equal += len(kept.parts)
        else:
            outcome.altered.append(record.sequence_number)
    outcome.absent = [
        Absent(number, kept.arrived_at, len(kept.parts)) for number, kept in held.items() if number not in seen
    ]
    return outcome


def _part(sub: SubRecord) -> Part:
    return sub.sub_sequence, sha256(sub.data).digest()
