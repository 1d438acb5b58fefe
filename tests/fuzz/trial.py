"""One batch of a fuzz test: drained and validated by the library on in-memory twins, then held against what was put."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.payloads.unpack import unpack
from include.drain.read_shard import ShardSource
from include.keys import Room
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.records import StreamRecord
from include.streams.stream import Stream
from include.validation.validate import STAGE
from tests.fuzz.payloads import Fuzzer, Kind, Payload
from tests.include.drain.packing import NOW

STREAM = "logs"
SHARD = "shardId-000000000000"
RAW_COLUMNS = ["sequence_number", "sub_sequence", "partition_key", "data", "decode_error"]
TEXTS = ("level", "service", "message", "log_content", "pod", "version")
SHOWN = 300
"""How many bytes of a record a finding quotes."""

Place = tuple[str, int]
"""Which event: sequence number and sub-sequence."""


class RawRow(NamedTuple):
    """One event of a raw object."""

    place: Place
    partition_key: str
    data: bytes
    decode_error: str | None


@dataclass(frozen=True, slots=True)
class World:
    """A stream, a bucket and a ledger in memory."""

    stream: InMemoryStream = field(default_factory=lambda: InMemoryStream(STREAM))
    store: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)

    def carry(self, payloads: Sequence[Payload]) -> list[StreamRecord]:
        """Put the payloads, drain all of them and validate what was drained; return them as the stream holds them."""
        for number, payload in enumerate(payloads):
            self.stream.put(SHARD, payload.data, NOW, f"key-{number % 7}")
        source = ShardSource(STREAM, STREAM, self.stream, lambda: NOW, lambda _: None)
        while drain(source, self.store, self.ledger, DrainRequest("fuzz", BufferHints())).batches:
            pass
        while validate_pending(Workplace(_logs(), self.store, self.ledger, "fuzz", lambda: NOW)).batches:
            pass
        (held,) = self.stream.shards(STREAM)
        return list(self.stream.page(STREAM, f"{held.shard_id}@0", len(payloads)).records)

    def raw(self) -> list[RawRow]:
        """Return the raw objects' rows in the order in which they were drained."""
        keys = [state.batch.raw_key for state in self.ledger.batches.values()]
        return [
            RawRow(
                (row["sequence_number"], row["sub_sequence"]), row["partition_key"], row["data"], row["decode_error"]
            )
            for key in keys
            for row in from_parquet(self.store.get(key)).to_pylist()
        ]

    def rows(self, room: Room) -> list[tuple[Place, dict[str, Any]]]:
        """Return a room's rows with their places."""
        tables = (from_parquet(self.store.get(key)) for key in self.store.keys(f"{room}/"))
        rows = (row for table in tables for row in table.to_pylist())
        return [((row["_sequence_number"], row["_sub_sequence"]), row) for row in rows]


@dataclass(slots=True)
class Tally:
    """What became of a batch's records, and what must not be.

    Attributes:
        records: stream records of each kind. events: what they came apart into.
        accepted: events in ``staged/``. undecoded, refused: events in ``dlq/``, by the drain and by the validation.
        reasons: dead letters by reason.
        findings: what is wrong, one sentence each.
        digest: SHA-256, in hex, over the drained batches' own hashes.
    """

    records: Counter[Kind] = field(default_factory=Counter)
    events: Counter[Kind] = field(default_factory=Counter)
    accepted: Counter[Kind] = field(default_factory=Counter)
    undecoded: Counter[Kind] = field(default_factory=Counter)
    refused: Counter[Kind] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    digest: str = ""

    def add(self, other: "Tally") -> None:
        """Add another batch's."""
        for name in ("records", "events", "accepted", "undecoded", "refused", "reasons"):
            getattr(self, name).update(getattr(other, name))
        self.findings += other.findings
        self.digest = sha256(f"{self.digest}{other.digest}".encode()).hexdigest()


def trial(seed: int, batch: int, size: int) -> Tally:
    """Make a batch, carry it through, and return what became of it; an exception is a finding as well."""
    payloads = Fuzzer(seed, batch).payloads(size)
    try:
        tally = judged(payloads)
    except Exception as error:  # noqa: BLE001 - whatever the library raises is what is looked for
        culprits = [payload for payload in payloads if _fails(payload)]
        told = [f"{error!r} at {_shown(culprit)}" for culprit in culprits]
        tally = Tally(records=Counter(payload.kind for payload in payloads), findings=told or [f"{error!r} as a whole"])
    tally.findings = [f"seed {seed}, batch {batch}: {finding}" for finding in tally.findings]
    return tally


def judged(payloads: Sequence[Payload]) -> Tally:
    """Carry the payloads through a world of their own and hold every event against what was put."""
    world, tally = World(), Tally(records=Counter(payload.kind for payload in payloads))
    records = world.carry(payloads)
    raw, staged, dead = world.raw(), world.rows(Room.STAGED), world.rows(Room.DLQ)
    by_sequence = {record.sequence_number: payload for record, payload in zip(records, payloads, strict=True)}
    _count(tally, raw, staged, dead, by_sequence)
    tally.findings += [
        *_decoding(records, raw, by_sequence),
        *_conservation(world, raw, staged, dead),
        *_bytes_kept(raw, staged, dead),
        *_verdicts(staged, dead, by_sequence),
    ]
    return tally


Rows = Sequence[tuple[Place, Mapping[str, Any]]]


def _count(tally: Tally, raw: Sequence[RawRow], staged: Rows, dead: Rows, payloads: Mapping[str, Payload]) -> None:
    tally.events.update(payloads[row.place[0]].kind for row in raw)
    tally.accepted.update(payloads[place[0]].kind for place, _ in staged)
    for place, row in dead:
        counter = tally.refused if row["stage"] == STAGE else tally.undecoded
        counter[payloads[place[0]].kind] += 1
        tally.reasons[row["reason"]] += 1
    digest = sha256()
    for row in raw:
        digest.update(f"{row.place}{row.decode_error}{len(row.data)}".encode() + row.data)
    tally.digest = digest.hexdigest()


def _decoding(records: Sequence[StreamRecord], raw: Sequence[RawRow], payloads: Mapping[str, Payload]) -> Iterator[str]:
    """Each record alone comes apart into what it did among the others, and that is what its producer packed."""
    drained: dict[str, list[RawRow]] = {record.sequence_number: [] for record in records}
    for row in raw:
        drained[row.place[0]].append(row)
    for record in records:
        payload, rows = payloads[record.sequence_number], drained[record.sequence_number]
        alone = [
            RawRow((record.sequence_number, sub.sub_sequence), sub.partition_key, sub.data, sub.decode_error)
            for sub in unpack([record])
        ]
        if alone != rows:
            yield f"decoded in two ways: {_shown(payload)}"
        if [row.place[1] for row in rows] != list(range(len(rows))) or not rows:
            yield f"sub-sequences {[row.place[1] for row in rows]}: {_shown(payload)}"
        events = tuple(row.data for row in rows)
        if payload.events not in {None, events} and not (payload.or_whole and events == (payload.data,)):
            yield f"came apart into other events than were packed: {_shown(payload)}"


def _conservation(world: World, raw: Sequence[RawRow], staged: Rows, dead: Rows) -> Iterator[str]:
    """Every event is in exactly one of the two rooms, and the ledger counts the same."""
    places = Counter(row.place for row in raw)
    settled = Counter(place for rows in (staged, dead) for place, _ in rows)
    if places.total() != len(places):
        yield f"{places.total() - len(places)} places are there twice"
    if settled != places:
        yield f"lost {list((places - settled).elements())[:3]}, too many {list((settled - places).elements())[:3]}"
    for state in world.ledger.batches.values():
        outcome = state.validated
        if outcome is None or outcome.valid + outcome.dead_lettered != state.batch.records:
            yield f"batch {state.batch.batch_id} does not add up: {outcome}"
    counted = sum(state.validated.dead_lettered for state in world.ledger.batches.values() if state.validated)
    if counted != len(dead):
        yield f"the ledger counts {counted} dead letters, there are {len(dead)}"


def _bytes_kept(raw: Sequence[RawRow], staged: Rows, dead: Rows) -> Iterator[str]:
    """A dead letter has its bytes and its key, a staged event what its bytes say."""
    read = {row.place: row for row in raw}
    for place, row in dead:
        origin = read[place]
        if (row["data"], row["partition_key"]) != (origin.data, origin.partition_key):
            yield f"dead letter {place} has other bytes than {_quoted(origin.data)}"
    for place, row in staged:
        said = json.loads(read[place].data)
        if any(row[name] != said[name] for name in TEXTS) or row["event_id"] != said["event_id"].lower():
            yield f"staged event {place} says something else than {_quoted(read[place].data)}"


def _verdicts(staged: Rows, dead: Rows, payloads: Mapping[str, Payload]) -> Iterator[str]:
    """What is known to be sound is accepted, what is known to be broken is not."""
    for rows, wrong in ((staged, False), (dead, True)):
        for place, _ in rows:
            if payloads[place[0]].sound is wrong:
                yield f"{'refused' if wrong else 'accepted'} {place}: {_shown(payloads[place[0]])}"


def _fails(payload: Payload) -> bool:
    return _raises(lambda: judged([payload]))


def _raises(call: Callable[[], object]) -> bool:
    try:
        call()
    except Exception:  # noqa: BLE001 - see trial
        return True
    return False


def _shown(payload: Payload) -> str:
    return f"{payload.kind}, {_quoted(payload.data)}"


def _quoted(data: bytes) -> str:
    return f"{len(data)} bytes, in base64 {base64.b64encode(data[:SHOWN]).decode()}"


@cache
def _logs() -> Stream:
    return streams.get(STREAM)
