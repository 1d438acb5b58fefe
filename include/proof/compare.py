"""Compare a producer's journal with the objects on S3, record by record."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from include.adapters.object_store import ObjectStore
from include.keys import Room, is_redriven
from include.parquet import from_parquet
from include.validation.validate import DECODE_STAGE

VALID = "valid"
MOST_EXAMPLES = 10
PLACE = ["_shard_id", "_sequence_number", "_sub_sequence"]


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
    """What lies on S3: how often each record is in each room, and the SHA-256 of its bytes where the room has them.

    ``staged`` and ``dlq`` are where validation put what was drained; ``redriven`` is what a redrive of dead letters
    put into ``staged/`` later; ``clean`` is published, whichever way it came. ``undecoded`` are the dead letters that
    the drain could not open: opened by a redrive, they have other bytes and may be several events.
    """

    staged: Counter[Identity] = field(default_factory=Counter)
    dlq: Counter[Identity] = field(default_factory=Counter)
    redriven: Counter[Identity] = field(default_factory=Counter)
    clean: Counter[Identity] = field(default_factory=Counter)
    undecoded: set[Identity] = field(default_factory=set)
    raw_sha256: dict[Identity, set[str]] = field(default_factory=dict)
    dlq_sha256: dict[Identity, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict over a stream; all figures are records.

    Attributes:
        produced: accepted by the stream, says the journal.
        lost: accepted, and neither staged nor dead-lettered, or with other bytes than were put.
        duplicated: copies beyond the first, over ``staged/`` and ``dlq/`` together and over ``clean/``. A dead letter
            that a redrive staged later is no copy; a second one is, and so is one that was no dead letter.
        misjudged: sound records among the dead letters that no redrive mended, and malformed ones that were staged
            when they were drained.
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
    for key, rows in _tables(store, Room.STAGED, stream, PLACE):
        counter = found.redriven if is_redriven(key) else found.staged
        counter.update(_identity(row) for row in rows)
    for _, rows in _tables(store, Room.CLEAN, stream, PLACE):
        found.clean.update(_identity(row) for row in rows)
    for key, rows in _tables(store, Room.DLQ, stream, [*PLACE, "stage", "data"]):
        # What a redriven batch refuses is in its origin's object as well, and was judged there.
        if not is_redriven(key):
            _add_dead(found, rows)
    for key, rows in _tables(store, Room.RAW, stream, ["sequence_number", "sub_sequence", "data"]):
        _add_raw(found, key, rows)
    return found


def _add_dead(found: Holdings, rows: "list[dict[str, Any]]") -> None:
    for row in rows:
        identity = _identity(row)
        found.dlq[identity] += 1
        found.dlq_sha256[identity] = sha256(row["data"]).hexdigest()
        if row["stage"] == DECODE_STAGE:
            found.undecoded.add(identity)


def _add_raw(found: Holdings, key: str, rows: "list[dict[str, Any]]") -> None:
    shard_id = "-".join(key.rpartition("/")[2].split("-")[:2])
    for row in rows:
        identity = Identity(shard_id, row["sequence_number"], row["sub_sequence"])
        if not (is_redriven(key) and identity in found.undecoded):
            found.raw_sha256.setdefault(identity, set()).add(sha256(row["data"]).hexdigest())


def compare(accepted: Iterable[Accepted], found: Holdings) -> Proof:
    """Hold the journal against what lies on S3."""
    journal = {record.identity: record for record in accepted}
    settled = found.staged + found.dlq
    lost = [identity for identity, record in journal.items() if not _kept(record, settled, found)]
    doubled = _surplus(settled) + _surplus(found.clean) + _redriven_wrongly(found)
    misjudged = [
        identity
        for identity, record in journal.items()
        if (identity in found.dlq and identity not in found.redriven if record.valid else identity in found.staged)
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
        unpublished=len((found.staged.keys() | found.redriven.keys()) - found.clean.keys()),
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


def _redriven_wrongly(found: Holdings) -> Counter[Identity]:
    """Count what was staged by a redrive once too often: a second time, or without being a dead letter."""
    dead = found.dlq.keys()
    return Counter(
        {
            identity: surplus
            for identity, count in found.redriven.items()
            # An event of a record that could not be opened stands for that record, whose sub-sequence is 0.
            if (surplus := count - (identity in dead or identity._replace(sub_sequence=0) in found.undecoded))
        }
    )


def _identity(row: dict[str, object]) -> Identity:
    return Identity(str(row["_shard_id"]), str(row["_sequence_number"]), int(str(row["_sub_sequence"])))


def _tables(
    store: ObjectStore, room: Room, stream: str, columns: list[str]
) -> "Iterator[tuple[str, list[dict[str, Any]]]]":
    for key in store.keys(f"{room}/stream={stream}/"):
        yield key, from_parquet(store.get(key), columns).to_pylist()
