"""Compare a producer's journal with the objects on S3, record by record."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from include.adapters.object_store import ObjectStore
from include.keys import Room
from include.parquet import from_parquet

VALID = "valid"
MOST_EXAMPLES = 10


class Identity(NamedTuple):
    """Which record of a stream: the sub-sequence counts within an aggregated record, from 0."""

    shard_id: str
    sequence_number: str
    sub_sequence: int


class Accepted(NamedTuple):
    """A record that the stream accepted: its place, the SHA-256 of its data in hex, and whether it was sound."""

    identity: Identity
    sha256: str
    valid: bool


@dataclass(frozen=True, slots=True)
class Holdings:
    """What lies on S3: how often each record is in each room, and the SHA-256 of its bytes where the room has them."""

    staged: Counter[Identity] = field(default_factory=Counter)
    dlq: Counter[Identity] = field(default_factory=Counter)
    clean: Counter[Identity] = field(default_factory=Counter)
    raw_sha256: dict[Identity, set[str]] = field(default_factory=dict)
    dlq_sha256: dict[Identity, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict over a stream; all figures are records.

    Attributes:
        produced: accepted by the stream, says the journal.
        lost: accepted, and neither staged nor dead-lettered, or with other bytes than were put.
        duplicated: copies beyond the first, over ``staged/`` and ``dlq/`` together and over ``clean/``.
        misjudged: sound records among the dead letters, and malformed ones in ``staged/``.
        unpublished: in ``staged/`` and not in ``clean/``: right for quarantined batches, and for no others.
        unjournaled: on S3 and not in the journal: the producer was killed before it wrote them down.
        examples: identities of what is wrong, for a person to look at.
    """

    produced: int
    lost: int
    duplicated: int
    misjudged: int
    unjournaled: int
    examples: tuple[str, ...]
    unpublished: int = 0

    @property
    def holds(self) -> bool:
        """Return whether nothing was lost, doubled or misjudged."""
        return not (self.lost or self.duplicated or self.misjudged)


def holdings(store: ObjectStore, stream: str) -> Holdings:
    """Read every object of the stream's rooms; also those that no ledger names."""
    found = Holdings()
    for room, counter in ((Room.STAGED, found.staged), (Room.CLEAN, found.clean)):
        for rows in _tables(store, room, stream, ["_shard_id", "_sequence_number", "_sub_sequence"]):
            counter.update(_identity(row) for row in rows)
    for rows in _tables(store, Room.DLQ, stream, ["_shard_id", "_sequence_number", "_sub_sequence", "data"]):
        for row in rows:
            found.dlq[_identity(row)] += 1
            found.dlq_sha256[_identity(row)] = sha256(row["data"]).hexdigest()
    for shard_id, rows in _raw_tables(store, stream):
        for row in rows:
            identity = Identity(shard_id, row["sequence_number"], row["sub_sequence"])
            found.raw_sha256.setdefault(identity, set()).add(sha256(row["data"]).hexdigest())
    return found


def compare(accepted: Iterable[Accepted], found: Holdings) -> Proof:
    """Hold the journal against what lies on S3."""
    journal = {record.identity: record for record in accepted}
    settled = found.staged + found.dlq
    lost = [identity for identity, record in journal.items() if not _kept(record, settled, found)]
    doubled = _surplus(settled) + _surplus(found.clean)
    misjudged = [
        identity
        for identity, record in journal.items()
        if (record.valid and identity in found.dlq) or (not record.valid and identity in found.staged)
    ]
    wrong = [
        *(f"lost {identity}" for identity in lost),
        *(f"doubled {identity}" for identity in doubled),
        *(f"misjudged {identity}" for identity in misjudged),
    ]
    return Proof(
        produced=len(journal),
        lost=len(lost),
        duplicated=sum(doubled.values()),
        misjudged=len(misjudged),
        unpublished=len(found.staged.keys() - found.clean.keys()),
        unjournaled=len(settled.keys() - journal.keys()),
        examples=tuple(wrong[:MOST_EXAMPLES]),
    )


def _kept(record: Accepted, settled: Counter[Identity], found: Holdings) -> bool:
    if record.identity not in settled:
        return False
    # The raw object holds the bytes of every record; a dead letter carries them once more.
    if found.raw_sha256.get(record.identity) != {record.sha256}:
        return False
    return found.dlq_sha256.get(record.identity, record.sha256) == record.sha256


def _surplus(counts: Counter[Identity]) -> Counter[Identity]:
    return Counter({identity: count - 1 for identity, count in counts.items() if count > 1})


def _identity(row: dict[str, object]) -> Identity:
    return Identity(str(row["_shard_id"]), str(row["_sequence_number"]), int(str(row["_sub_sequence"])))


def _tables(store: ObjectStore, room: Room, stream: str, columns: list[str]) -> "Iterator[list[dict[str, Any]]]":
    for key in store.keys(f"{room}/stream={stream}/"):
        yield from_parquet(store.get(key), columns).to_pylist()


def _raw_tables(store: ObjectStore, stream: str) -> "Iterator[tuple[str, list[dict[str, Any]]]]":
    for key in store.keys(f"{Room.RAW}/stream={stream}/"):
        name = key.rpartition("/")[2]
        shard_id = "-".join(name.split("-")[:2])
        yield shard_id, from_parquet(store.get(key), ["sequence_number", "sub_sequence", "data"]).to_pylist()
