"""Compact closed hours: every published batch of an hour into one object of ``compacted/``, by a single put.

Readers of ``compacted/`` see an hour's object before or after, never between. The ledger's row comes after the object:
a crash between the two repeats the work, which writes the same bytes under the same key.
"""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from include.adapters.object_store import ObjectStore
from include.compaction.contract import CleanBatch, Compaction, Compactions, digest
from include.compaction.merge import merge, rows_of
from include.errors import CaliError, ConservationError
from include.keys import Room, compacted_key, object_key, partition_hour
from include.records import Clock

log = logging.getLogger(__name__)
DOUBT = timedelta(days=1)
"""How long the size of a written object is looked at again, should a run that was thought dead have replaced it."""


@dataclass(frozen=True, slots=True)
class Press:
    """What compaction works with: the stream's name, the adapters, how long an hour rests, and the clock."""

    stream: str
    store: ObjectStore
    compactions: Compactions
    settle: timedelta
    clock: Clock

    def closed_before(self) -> datetime:
        """Return the end of the last hour that is closed: its end lies the settle time back."""
        return partition_hour(self.clock() - self.settle)


@dataclass(slots=True)
class CompactionReport:
    """What a run did: hours written, batches and records in them, and batches that came after their hour's sealing."""

    hours: list[datetime] = field(default_factory=list)
    batches: int = 0
    records: int = 0
    late: int = 0
    left_to_others: int = 0


def compact(press: Press, hours: Sequence[datetime] | None = None) -> CompactionReport:
    """Compact the given hours, or every closed one that has a batch which is not compacted.

    An hour that fails does not hold up the others; the first error is raised once they are done. An hour that another
    run holds is left to it.

    Raises:
        ConservationError: an hour's objects do not hold what the ledger says; nothing was written for it.
        CaliError: what the first failing hour met.
    """
    report = CompactionReport()
    errors: list[Exception] = []
    for hour in due(press) if hours is None else hours:
        try:
            _compact_hour(press, hour, report)
        except Exception as error:  # noqa: BLE001 - one hour's trouble, whatever it is, must not hold up the others
            log.warning("hour not compacted stream=%s hour=%s error=%s", press.stream, hour.isoformat(), error)
            errors.append(error)
    if errors:
        raise errors[0] if isinstance(errors[0], CaliError) else CaliError(f"compact: {errors[0]!r}") from errors[0]
    return report


def due(press: Press) -> list[datetime]:
    """Return the closed hours with a batch that no object holds, and those whose object is not the one recorded."""
    recent = press.compactions.compacted_since(press.stream, press.clock() - DOUBT)
    doubtful = [written.hour for written in recent if not is_stored(press.store, written)]
    return sorted({*press.compactions.uncovered(press.stream, press.closed_before()), *doubtful})


def closed_hours(press: Press, since: datetime, until: datetime) -> list[datetime]:
    """Return the closed hours from ``since`` to before ``until`` that have a batch, compacted before or not."""
    return press.compactions.hours(press.stream, partition_hour(since), min(until, press.closed_before()))


def is_stored(store: ObjectStore, compaction: Compaction) -> bool:
    """Tell whether the object that a row speaks of is there, with its size."""
    stored = (found for found in store.listing(compaction.object_key) if found.key == compaction.object_key)
    return any(found.size == compaction.bytes for found in stored)


def _compact_hour(press: Press, hour: datetime, report: CompactionReport) -> None:
    with press.compactions.transaction():
        # Held until the commit: of two runs, one cannot replace the other's object by one with fewer batches.
        if not press.compactions.take(press.stream, hour):
            report.left_to_others += 1
            return
        known = press.compactions.compaction(press.stream, hour)
        batches = press.compactions.batches(press.stream, hour)
        if known is not None and known.sealed_at is not None:
            _add_late(press, hour, batches, report)
        elif batches:
            written = _write(press, hour, batches)
            press.compactions.record(written, [batch.batch_id for batch in batches])
            report.hours.append(hour)
            report.batches += written.batches
            report.records += written.records
            log.info(
                "compacted stream=%s hour=%s batches=%d records=%d bytes=%d",
                press.stream,
                hour.isoformat(),
                written.batches,
                written.records,
                written.bytes,
            )


def _add_late(press: Press, hour: datetime, batches: Sequence[CleanBatch], report: CompactionReport) -> None:
    """Put what came after the sealing beside the hour's object; the small objects that made it may be gone."""
    for batch in batches:
        if batch.compacted_key is None:
            key = object_key(Room.COMPACTED, press.stream, hour, f"{batch.batch_id}.parquet")
            press.store.copy(batch.clean_key, key)
            press.compactions.record_late(batch.batch_id, key)
            report.late += 1
            log.info("compacted late batch=%s key=%s", batch.batch_id, key)


def _write(press: Press, hour: datetime, batches: Sequence[CleanBatch]) -> Compaction:
    key = compacted_key(press.stream, hour)
    with tempfile.TemporaryDirectory(prefix="cali-compaction-") as folder:
        sources = [_fetch(press.store, batch, Path(folder) / f"{number}") for number, batch in enumerate(batches)]
        target = Path(folder) / "merged"
        rows, expected = merge(sources, target), sum(batch.records for batch in batches)
        if rows != expected:
            raise ConservationError(f"{key} would hold {rows} records, the ledger says {expected}; it is not written")
        press.store.put_file(key, target)
        size = target.stat().st_size
    ids = [batch.batch_id for batch in batches]
    return Compaction(press.stream, hour, key, len(ids), rows, size, digest(ids), press.clock())


def _fetch(store: ObjectStore, batch: CleanBatch, path: Path) -> Path:
    path.write_bytes(store.get(batch.clean_key))
    if (rows := rows_of(path)) != batch.records:
        raise ConservationError(
            f"{batch.clean_key} holds {rows} records, the ledger says {batch.records} for batch {batch.batch_id}; "
            "its hour is not compacted"
        )
    return path
