"""What a fuzz test puts on the stream: sound payloads and damaged ones, each with what is known about its outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from random import Random

from include.drain.payloads.unpack import MOST_LAYERS
from include.simulator.record import GeneratorOptions, SimulatedRecord
from include.simulator.registry import simulation
from tests.fuzz.damage import damaged, odd_value, poison
from tests.include.drain.packing import COMPRESSIONS, NOW, aggregate, cloudwatch, gzipped, sealed

POOL = 2_000
"""Events and broken events of the simulator that a seed has; all else is made of them."""
MOST_JOINED = 6
KPL_FRAME = 4, -16
"""Where an aggregate's message lies, between magic and digest."""
AGGREGATED_LINES = 2
"""Layers of an aggregate of compressed lines."""
UNDIGESTED = "zstd"
"""A zstd frame of Arrow's carries no checksum: damage may go unnoticed."""


class Kind(StrEnum):
    """What a payload is; the text is what tables call it."""

    EVENT = "one event"
    BROKEN = "a broken contract"
    NOISE = "random bytes"
    JSON_BYTES = "an event, bytes changed"
    JSON_VALUES = "an event, odd values"
    KPL = "KPL aggregate"
    KPL_DAMAGED = "KPL aggregate, bytes changed"
    KPL_RESEALED = "KPL aggregate, bytes changed, MD5 fits"
    PACKED = "gzip, zlib, zstd"
    PACKED_DAMAGED = "gzip, zlib, zstd, bytes changed"
    CLOUDWATCH = "CloudWatch envelope"
    CLOUDWATCH_DAMAGED = "CloudWatch envelope, bytes changed"
    LINES = "joined lines"
    LINES_DAMAGED = "joined lines, bytes changed"
    NESTED = "packed in packed, a part cut"
    POISON = "bombs and poison"


WEIGHTS = {
    Kind.EVENT: 200,
    Kind.BROKEN: 80,
    Kind.NOISE: 80,
    Kind.JSON_BYTES: 160,
    Kind.JSON_VALUES: 120,
    Kind.KPL: 60,
    Kind.KPL_DAMAGED: 50,
    Kind.KPL_RESEALED: 60,
    Kind.PACKED: 50,
    Kind.PACKED_DAMAGED: 60,
    Kind.CLOUDWATCH: 30,
    Kind.CLOUDWATCH_DAMAGED: 30,
    Kind.LINES: 30,
    Kind.LINES_DAMAGED: 30,
    Kind.NESTED: 30,
    Kind.POISON: 1,
}
"""How often a kind comes, next to the others."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A stream record's data and what must become of it.

    Attributes:
        kind: what was done to it.
        data: the bytes.
        events: what it must come apart into; None where nobody knows.
        or_whole: whether it may just as well stay whole.
        sound: whether its events must all be accepted, or all be refused; None where nobody knows.
    """

    kind: Kind
    data: bytes
    events: tuple[bytes, ...] | None = None
    or_whole: bool = False
    sound: bool | None = None


class Fuzzer:
    """Makes payloads; the same seed and batch number give the same ones, whatever was made before."""

    def __init__(self, seed: int, batch: int) -> None:
        self._rng = Random(f"{seed}/{batch}")
        self._events, self._broken = pools(seed)
        self._makers: dict[Kind, Callable[[Kind], Payload]] = {
            Kind.EVENT: self._event,
            Kind.BROKEN: self._contract_broken,
            Kind.NOISE: self._noise,
            Kind.JSON_BYTES: self._json_bytes,
            Kind.JSON_VALUES: self._json_values,
            Kind.KPL: self._kpl,
            Kind.KPL_DAMAGED: self._kpl,
            Kind.KPL_RESEALED: self._kpl,
            Kind.PACKED: self._packed,
            Kind.PACKED_DAMAGED: self._packed,
            Kind.CLOUDWATCH: self._cloudwatch,
            Kind.CLOUDWATCH_DAMAGED: self._cloudwatch,
            Kind.LINES: self._lines,
            Kind.LINES_DAMAGED: self._lines,
            Kind.NESTED: self._nested,
            Kind.POISON: self._poison,
        }

    def payloads(self, count: int) -> list[Payload]:
        """Return the next ``count`` payloads."""
        kinds = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
        return [self._makers[kind](kind) for kind in kinds]

    def _one(self) -> bytes:
        return self._rng.choice(self._events)

    def _some(self, least: int = 1) -> list[bytes]:
        return self._rng.choices(self._events, k=self._rng.randint(least, MOST_JOINED))

    def _pack(self, data: bytes) -> bytes:
        return self._rng.choice(list(COMPRESSIONS.values()))(data)

    def _event(self, kind: Kind) -> Payload:
        data = self._one()
        return Payload(kind, data, (data,), sound=True)

    def _contract_broken(self, kind: Kind) -> Payload:
        data = self._rng.choice(self._broken)
        return Payload(kind, data, (data,), sound=False)

    def _noise(self, kind: Kind) -> Payload:
        first = self._rng.choice((b"", b"", b"\x1f\x8b\x08", b"\x78\x9c", b"\x28\xb5\x2f\xfd", b"\xf3\x89\x9a\xc2"))
        data = first + self._rng.randbytes(self._rng.choice((0, 1, 7, 40, 300)))
        return Payload(kind, data, (data,), sound=False)

    def _json_bytes(self, kind: Kind) -> Payload:
        return Payload(kind, damaged(self._one(), self._rng))

    def _json_values(self, kind: Kind) -> Payload:
        data = odd_value(self._one(), self._rng)
        return Payload(kind, data, (data,))

    def _kpl(self, kind: Kind) -> Payload:
        events = self._some(0 if kind is Kind.KPL_RESEALED else 1)
        data = aggregate(events, ["a", "ü" * 80][: self._rng.randint(1, 2)])
        if kind is Kind.KPL_RESEALED:
            return Payload(kind, sealed(damaged(data[slice(*KPL_FRAME)], self._rng)))
        if kind is Kind.KPL_DAMAGED:
            return Payload(kind, damaged(data, self._rng), tuple(events), or_whole=True)
        return Payload(kind, data, tuple(events), sound=True)

    def _packed(self, kind: Kind) -> Payload:
        codec, pack = self._rng.choice(list(COMPRESSIONS.items()))
        events = self._some()
        data = pack(b"\n".join(events))
        if kind is Kind.PACKED:
            return Payload(kind, data, tuple(events), sound=True)
        known = None if codec == UNDIGESTED else tuple(events)
        return Payload(kind, damaged(data, self._rng), known, or_whole=True)

    def _cloudwatch(self, kind: Kind) -> Payload:
        events = self._some()
        messages: list[object] = [event.decode() for event in events]
        pack = self._rng.choice((gzipped, bytes))
        if kind is Kind.CLOUDWATCH:
            return Payload(kind, pack(cloudwatch(messages)), tuple(events), sound=True)
        if self._rng.random() < 1 / 2:
            return Payload(kind, pack(damaged(cloudwatch(messages), self._rng)))
        # Sound JSON in which the format is broken, or that holds no event.
        type_ = self._rng.choice(("DATA_MESSAGE", "CONTROL_MESSAGE"))
        data = pack(cloudwatch(self._rng.choice(([], [*messages, 7], [None], [{}])), type_))
        return Payload(kind, data, (data,), sound=False)

    def _lines(self, kind: Kind) -> Payload:
        events, end = self._some(2), self._rng.choice((b"\n", b"\r\n", b"\n \n\n"))
        data = end.join(events) + self._rng.choice((b"", end))
        if kind is Kind.LINES:
            return Payload(kind, data, tuple(events), sound=True)
        return Payload(kind, damaged(data, self._rng))

    def _nested(self, kind: Kind) -> Payload:
        """Return an aggregate of compressed lines; a user record that is cut stays whole, its neighbours do not."""
        users: list[bytes] = []
        events: list[bytes] = []
        for _ in range(self._rng.randint(1, 4)):
            inner = self._some()
            data = self._pack(b"\n".join(inner))
            cut = self._rng.random() < 1 / 4
            users.append(data[:-1] if cut else data)
            events += [data[:-1]] if cut else inner
        data, around = aggregate(users, ["a", "b"]), self._rng.randint(0, 3)
        for _ in range(around):
            data = self._pack(data)
        too_deep = around + AGGREGATED_LINES > MOST_LAYERS
        # What lies too deep is told of each user record: they come out as they were put into the aggregate.
        return Payload(kind, data, tuple(users if too_deep else events))

    def _poison(self, kind: Kind) -> Payload:
        data = poison(self._one(), self._rng)
        return Payload(kind, data, (data,), sound=False)


@cache
def pools(seed: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Return the simulator's events and broken events of a seed."""
    return _simulated(seed, 0.0), _simulated(seed, 1.0)


def _simulated(seed: int, malformed_rate: float, now: datetime = NOW) -> Sequence[bytes]:
    generator = simulation("logs").generator(GeneratorOptions(seed, malformed_rate=malformed_rate))
    records: list[SimulatedRecord] = generator.records(POOL, now)
    # Records of a megabyte have a kind of their own here, which comes seldom.
    return [record.data for record in records if len(record.data) < 1 << 16]
