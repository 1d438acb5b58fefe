"""Hold one batch's objects against its row of the ledger. Pure: tables in, differences out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise

import pyarrow as pa

from include.drain.raw_batch import content_hash
from include.keys import Room
from include.proof.reconciliation.values import Difference, Kind, LedgerBatch, Reading

Place = tuple[str, int]
"""A record's sequence number and sub-sequence."""

LINEAGE = ("_sequence_number", "_sub_sequence")


def check_batch(batch: LedgerBatch, readings: Mapping[Room, Reading]) -> list[Difference]:
    """Return everything in which the batch's row and its objects differ.

    ``readings`` has one for each object that the row names. What housekeeping removed is no difference, and what only
    it could show is not checked.
    """
    found = [_difference(batch, reading, reading.problem, reading.detail) for reading in readings.values()
             if reading.problem]  # fmt: skip
    found.extend(conservation(batch))
    tables = {room: reading.table for room, reading in readings.items() if reading.table is not None}
    if Room.RAW in tables:
        found.extend(_raw(batch, readings[Room.RAW]))
    for room, expected in ((Room.STAGED, batch.valid), (Room.DLQ, batch.dead_lettered), (Room.CLEAN, batch.valid)):
        if room in tables and tables[room].num_rows != expected:
            detail = f"holds {tables[room].num_rows} records, the ledger says {expected}"
            found.append(_difference(batch, readings[room], Kind.COUNT, detail))
    found.extend(_copies(batch, readings))
    found.extend(_settlement(batch, readings, tables))
    return found


def conservation(batch: LedgerBatch) -> list[Difference]:
    """Return whether the row itself adds up: counts, and which objects its state asks for."""
    settled, alerted = (batch.valid, batch.dead_lettered), (batch.alertable, batch.filtered)
    sums = [
        (settled, batch.records, f"{batch.records} read, {batch.valid} valid, {batch.dead_lettered} dead-lettered"),
        (alerted, batch.valid, f"{batch.valid} valid, {batch.alertable} alertable, {batch.filtered} filtered"),
    ]
    broken = [detail for parts, whole, detail in sums if not _adds_up(parts, whole)]
    if batch.state != "drained" and batch.valid is None:
        broken.append(f"{batch.state} without having been validated")
    wanted = {
        Room.STAGED: bool(batch.valid),
        Room.DLQ: bool(batch.dead_lettered),
        Room.CLEAN: batch.state == "published" and bool(batch.valid),
    }
    for room, wants in wanted.items():
        if wants != (room in batch.keys):
            broken.append(f"{batch.state} {'without' if wants else 'with'} an object in {room}/")
    return [_of_row(batch, Kind.CONSERVATION, detail) for detail in broken]


def overlaps(batches: Sequence[LedgerBatch]) -> list[Difference]:
    """Return the drained batches of one shard that begin before an earlier one ends."""
    ordered = sorted(batches, key=lambda batch: (batch.first, batch.last, batch.batch_id))
    found = []
    furthest = ordered[0] if ordered else None
    for batch in ordered[1:]:
        if furthest is not None and batch.first <= furthest.last:
            found.append(_of_row(batch, Kind.OVERLAP, f"begins before batch {furthest.batch_id} ends"))
        if furthest is None or batch.last > furthest.last:
            furthest = batch
    return found


def _adds_up(parts: tuple[int | None, int | None], whole: int | None) -> bool:
    if None in parts:
        # Not there yet: both or none.
        return parts == (None, None)
    return sum(part or 0 for part in parts) == whole


def _raw(batch: LedgerBatch, reading: Reading) -> Iterator[Difference]:
    of = partial(_difference, batch, reading)
    subs = reading.events
    places = [(int(sub.record.sequence_number), sub.sub_sequence) for sub in subs]
    if len(subs) != batch.records:
        yield of(Kind.COUNT, f"holds {len(subs)} records, the ledger says {batch.records}")
    size = sum(len(sub.data) for sub in subs)
    if size != batch.bytes:
        yield of(Kind.SIZE, f"holds {size} bytes of data, the ledger says {batch.bytes}")
    digest = content_hash(subs)
    if digest != batch.sha256:
        yield of(Kind.CONTENT, f"SHA-256 {digest}, the ledger says {batch.sha256}")
    if places and (places[0], places[-1]) != (batch.first, batch.last):
        yield of(
            Kind.RANGE, f"holds {_range(places[0], places[-1])}, the ledger says {_range(batch.first, batch.last)}"
        )
    wrong = sum(later <= earlier for earlier, later in pairwise(places))
    if wrong:
        yield of(Kind.ORDER, f"{wrong} records are not behind the one before", count=wrong)


def _copies(batch: LedgerBatch, readings: Mapping[Room, Reading]) -> Iterator[Difference]:
    """Publishing copies: ``clean/`` has the very file that ``staged/`` has."""
    staged, clean = readings.get(Room.STAGED), readings.get(Room.CLEAN)
    if staged and clean and staged.sha256 and clean.sha256 and staged.sha256 != clean.sha256:
        yield _difference(batch, clean, Kind.CONTENT, f"is not the copy of {staged.key} that was published")


def _settlement(
    batch: LedgerBatch, readings: Mapping[Room, Reading], tables: Mapping[Room, pa.Table]
) -> Iterator[Difference]:
    """Hold the raw records against the valid ones and the dead letters, each once."""
    valid = tables.get(Room.STAGED, tables.get(Room.CLEAN))
    dead = tables.get(Room.DLQ)
    if Room.RAW not in tables or batch.valid is None or (batch.valid and valid is None):
        return
    if batch.dead_lettered and dead is None:
        return
    raw = {(sub.record.sequence_number, sub.sub_sequence): sub.data for sub in readings[Room.RAW].events}
    settled = Counter(place for table in (valid, dead) if table is not None for place in _places(table))
    unsettled = [place for place in raw if place not in settled]
    wrong = unsettled + [place for place, count in settled.items() if count > 1 or place not in raw]
    if wrong:
        detail = f"{len(wrong)} records are not exactly once valid or dead-lettered, the first {_name(wrong[0])}"
        yield _of_row(batch, Kind.SETTLEMENT, detail, sequence_number=wrong[0][0], count=len(wrong))
    if dead is not None:
        data = dead.column("data").to_pylist()
        changed = [place for place, kept in zip(_places(dead), data, strict=True) if raw.get(place, kept) != kept]
        if changed:
            detail = f"{len(changed)} dead letters have other bytes than in raw/, the first {_name(changed[0])}"
            yield _difference(batch, readings[Room.DLQ], Kind.CONTENT, detail, count=len(changed))


def _places(table: pa.Table) -> list[Place]:
    columns = [table.column(name).to_pylist() for name in LINEAGE]
    return list(zip(*columns, strict=True))


def _name(place: Place) -> str:
    return f"{place[0]}/{place[1]}"


def _range(first: tuple[int, int], last: tuple[int, int]) -> str:
    return f"{first[0]}/{first[1]} to {last[0]}/{last[1]}"


def _difference(batch: LedgerBatch, reading: Reading, kind: Kind, detail: str, count: int = 1) -> Difference:
    return Difference(kind, batch.shard_id, batch.first_sequence_number, detail, batch.batch_id, reading.key, count)


def _of_row(
    batch: LedgerBatch, kind: Kind, detail: str, sequence_number: str | None = None, count: int = 1
) -> Difference:
    first = sequence_number or batch.first_sequence_number
    return Difference(kind, batch.shard_id, first, detail, batch.batch_id, None, count)
