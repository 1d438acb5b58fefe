"""Objects past their retention, and objects that the ledger does not name: written down first, then deleted.

Each chunk is small and each step can be repeated, so a run that dies is continued by the next one.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from include.adapters.object_store import ObjectStore, StoredObject
from include.compaction.compact import is_stored
from include.compaction.contract import Compactions
from include.housekeeping.postgres import Listed, Purges
from include.housekeeping.rooms import PurgedRoom
from include.housekeeping.settings import Retention
from include.keys import HOUR
from include.records import Clock

log = logging.getLogger(__name__)
AT_ONCE = 500
ORPHAN_ROOMS = (PurgedRoom.RAW, PurgedRoom.STAGED, PurgedRoom.CLEAN, PurgedRoom.DLQ)
RAW_NAME = re.compile(r"(?P<shard_id>.+)-\d+-(?P<last>\d+)-[0-9a-f]{16}\.parquet")
BATCH_NAME = re.compile(r"(?P<batch_id>.+-[0-9a-f]{16})\.parquet")


@dataclass(frozen=True, slots=True)
class Household:
    """What housekeeping works with, for one stream."""

    stream: str
    store: ObjectStore
    purges: Purges
    compactions: Compactions
    retention: Retention
    clock: Clock


@dataclass(slots=True)
class PurgeReport:
    """What a run removed, by room, and what had to stay although it is old, by room and reason."""

    removed: dict[str, int] = field(default_factory=dict)
    held_back: dict[str, dict[str, int]] = field(default_factory=dict)
    resumed: int = 0
    sealed_hours: int = 0


def purge(house: Household) -> PurgeReport:
    """Remove what is past its room's retention.

    An hour's small objects go only once the hour's object in ``compacted/`` is whole, found and sealed.

    Raises:
        TransientError: S3 or Postgres was away; what was decided is deleted by the next run.
    """
    report = PurgeReport(resumed=_resume(house), sealed_hours=_seal(house))
    for room in PurgedRoom:
        kept = house.retention.of(room)
        if kept is None:
            continue
        before = house.clock() - kept
        removed = 0
        while keys := house.purges.decide(house.stream, room, before, house.clock(), AT_ONCE):
            removed += _delete(house, keys)
            if house.purges.dry_run:
                break
        report.removed[room] = removed
        if held := house.purges.held_back(house.stream, room, before):
            report.held_back[room] = held
    log.info("purged stream=%s removed=%s held_back=%s", house.stream, report.removed, report.held_back)
    return report


def purge_orphans(house: Household) -> dict[str, int]:
    """Remove what the ledger does not name and no running work can still commit; return counts by room.

    Older than the safe age by the store's own clock, and: a raw object's shard is drained past it, so no drain can
    commit it any more; another's batch is unknown, or has all its stages behind it and names another object.

    Raises:
        TransientError: S3 or Postgres was away; what was decided is deleted by the next run.
    """
    if not house.retention.orphans_hours:
        return {}
    before = house.clock() - timedelta(hours=house.retention.orphans_hours)
    removed = {}
    for room in ORPHAN_ROOMS:
        removed[room.value] = 0
        for listed in _chunks(_old(house, room, before)):
            keys = house.purges.decide_orphans(house.stream, room, listed, house.clock())
            removed[room.value] += _delete(house, keys)
    log.info("orphans removed stream=%s by_room=%s", house.stream, removed)
    return removed


def _resume(house: Household) -> int:
    """Delete what a run that died had decided on."""
    return _delete(house, house.purges.undone(house.stream))


def _seal(house: Household) -> int:
    """Seal the hours that retention is about to touch; one whose object is not as recorded is left to compaction."""
    spans = [kept for room in (PurgedRoom.CLEAN, PurgedRoom.COMPACTED) if (kept := house.retention.of(room))]
    if not spans or house.purges.dry_run:
        return 0
    sealed = 0
    until = house.clock() - min(spans) - HOUR
    for written in house.compactions.unsealed(house.stream, until):
        with house.compactions.transaction():
            if house.compactions.take(house.stream, written.hour) and is_stored(house.store, written):
                sealed += house.compactions.seal(written, house.clock())
    return sealed


def _delete(house: Household, keys: Sequence[str]) -> int:
    if keys and not house.purges.dry_run:
        house.store.delete_all(keys)
        house.purges.done(keys, house.clock())
    return len(keys)


def _old(house: Household, room: PurgedRoom, before: datetime) -> Iterator[Listed]:
    for stored in house.store.listing(f"{room}/stream={house.stream}/"):
        named = _named(room, stored)
        if stored.modified_at < before and named is not None:
            yield named


def _named(room: PurgedRoom, stored: StoredObject) -> Listed | None:
    """Return what an object's name says; None for a name that CALI never writes, which is somebody else's."""
    name = stored.key.rpartition("/")[2]
    if room is PurgedRoom.RAW:
        raw = RAW_NAME.fullmatch(name)
        return Listed(stored.key, shard_id=raw["shard_id"], last_sequence_number=raw["last"]) if raw else None
    batch = BATCH_NAME.fullmatch(name)
    return Listed(stored.key, batch_id=batch["batch_id"]) if batch else None


def _chunks(listed: Iterator[Listed]) -> Iterator[list[Listed]]:
    chunk: list[Listed] = []
    for one in listed:
        chunk.append(one)
        if len(chunk) == AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
