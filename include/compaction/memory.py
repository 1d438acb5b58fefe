"""Compaction's pages in memory, over the ledger's twin: for tests of everything above it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime

from include.compaction.contract import CleanBatch, CleanObject, Compaction, Kind
from include.keys import partition_hour
from include.ledger.memory import BatchState, InMemoryLedger


class InMemoryCompactions:
    """``Compactions`` in dictionaries, over the batches of an ``InMemoryLedger``."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self._ledger = ledger
        self._written: dict[tuple[str, datetime], Compaction] = {}
        self._compacted_keys: dict[str, str] = {}
        self.taken_elsewhere: set[datetime] = set()

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that undoes everything when an exception leaves it."""
        return self._transaction()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        before = dict(self._written), dict(self._compacted_keys)
        try:
            yield
        except BaseException:
            self._written, self._compacted_keys = before
            raise

    def take(self, stream: str, hour: datetime) -> bool:  # noqa: ARG002
        """Hold the hour, unless a test said that another run does."""
        return hour not in self.taken_elsewhere

    def uncovered(self, stream: str, until: datetime) -> list[datetime]:
        """Return the hours before ``until`` that have a batch which is not in ``compacted/``."""
        hours = {hour for hour, batch in self._published(stream) if batch.compacted_key is None and hour < until}
        return sorted(hours)

    def hours(self, stream: str, since: datetime, until: datetime) -> list[datetime]:
        """Return the hours from ``since`` to before ``until`` that have a batch."""
        return sorted({hour for hour, _ in self._published(stream) if since <= hour < until})

    def batches(self, stream: str, hour: datetime) -> list[CleanBatch]:
        """Return the hour's batches in order."""
        return [batch for found, batch in self._published(stream) if found == hour]

    def compaction(self, stream: str, hour: datetime) -> Compaction | None:
        """Return what is known of the hour's object."""
        return self._written.get((stream, hour))

    def compacted_since(self, stream: str, since: datetime) -> list[Compaction]:
        """Return the objects that were written from ``since`` on and may be written again."""
        return [
            written
            for written in self._written.values()
            if written.stream == stream and written.compacted_at >= since and written.sealed_at is None
        ]

    def unsealed(self, stream: str, until: datetime) -> list[Compaction]:
        """Return the objects of hours before ``until`` that may be written again."""
        found = [written for written in self._written.values() if written.stream == stream and written.hour < until]
        return sorted((one for one in found if one.sealed_at is None), key=lambda one: one.hour)

    def record(self, compaction: Compaction, batch_ids: Sequence[str]) -> None:
        """Say that the hour's object holds exactly these batches."""
        self._written[compaction.stream, compaction.hour] = compaction
        self._compacted_keys |= dict.fromkeys(batch_ids, compaction.object_key)

    def record_late(self, batch_id: str, object_key: str) -> None:
        """Say that a batch lies in ``compacted/`` on its own."""
        self._compacted_keys[batch_id] = object_key

    def seal(self, compaction: Compaction, now: datetime) -> bool:
        """Say that the hour's object is never written again."""
        key = compaction.stream, compaction.hour
        if any(batch.compacted_key is None for batch in self.batches(*key)):
            return False
        self._written[key] = replace(self._written[key], sealed_at=now)
        return True

    def clean_objects(self, stream: str) -> list[CleanObject]:
        """Return the smallest set of objects that holds each published record once."""
        found = [
            CleanObject(stream, written.hour, written.object_key, written.records, Kind.COMPACTED)
            for written in self._written.values()
            if written.stream == stream and self._is_whole(written)
        ]
        whole = {entry.object_key for entry in found}
        for hour, batch in self._published(stream):
            if batch.compacted_key not in whole:
                found.append(self._alone(stream, hour, batch))
        return sorted(found, key=lambda entry: (entry.hour, entry.object_key))

    def _alone(self, stream: str, hour: datetime, batch: CleanBatch) -> CleanObject:
        written = self.compaction(stream, hour)
        if batch.compacted_key and written and batch.compacted_key != written.object_key:
            return CleanObject(stream, hour, batch.compacted_key, batch.records, Kind.LATE)
        return CleanObject(stream, hour, batch.clean_key, batch.records, Kind.SMALL)

    def _is_whole(self, written: Compaction) -> bool:
        hour = self.batches(written.stream, written.hour)
        return written.sealed_at is not None or all(batch.compacted_key for batch in hour)

    def _published(self, stream: str) -> Iterator[tuple[datetime, CleanBatch]]:
        for held in sorted(self._ledger.batches.values(), key=_place):
            live = held.batch.stream == stream and held.batch.generation == 0
            if live and held.audited and held.audited.clean_key and held.validated:
                hour, batch_id = partition_hour(held.batch.first_arrived_at), held.batch.batch_id
                key = self._compacted_keys.get(batch_id)
                yield hour, CleanBatch(batch_id, held.audited.clean_key, held.validated.valid, key)


def _place(held: BatchState) -> tuple[str, int, int, str]:
    batch = held.batch
    return batch.shard_id, int(batch.first_sequence_number), batch.first_sub_sequence, batch.batch_id
