"""Follow one shard through the stream while its batches are checked, and add up what comes of it."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

from include.drain.payloads.unpack import SubRecord
from include.proof.reconciliation.report import Findings
from include.proof.reconciliation.shard import ShardRecords
from include.proof.reconciliation.stream import Absent, compare_records, held_records
from include.proof.reconciliation.values import Difference, Kind, LedgerBatch, Span
from include.records import Checkpoint, StreamRecord


class StreamCheck:
    """Takes a shard's batches in order; each method reads the stream as far as its batch goes, and no further."""

    def __init__(self, shard_id: str, records: ShardRecords, span: Span, findings: Findings) -> None:
        self._shard_id = shard_id
        self._records = records
        self._span = span
        self._findings = findings
        self._read_through = -1
        self._oldest: float = 0

    def pass_over(self, batch: LedgerBatch, *, whole: bool = True) -> None:
        """Read over a batch that is not to be compared; what lies before it and in no batch is lost.

        Without ``whole`` the batch's own records are left unread.
        """
        first = batch.first[0]
        before = [
            record
            for record in self._through(batch.last[0] if whole else first - 1)
            if int(record.sequence_number) < first and record.arrived_at in self._span
        ]
        self._lose(before, f"in no batch, before batch {batch.batch_id}")

    def compare(self, batch: LedgerBatch, events: Iterable[SubRecord], next_first: int | None = None) -> None:
        """Hold what ``raw/`` has of a batch against the stream; no events: the object is missing or cannot be read.

        What the next batch claims as well, from its sequence number ``next_first`` on, is compared with that one.
        """
        first, last = batch.first[0], batch.last[0]
        last = last if next_first is None else min(last, next_first - 1)
        # Records outside the batch's range are told as such already, and the stream has been read past some of them.
        held = {
            number: kept
            for number, kept in held_records(events).items()
            if number.isdecimal() and self._read_through < int(number) <= last
        }
        outcome = compare_records(held, self._through(last))
        self._findings.stream_records += outcome.equal
        # What lies before the batch and arrived outside the span belongs to the reconciliation of another span.
        lost = [r for r in outcome.lost if int(r.sequence_number) >= first or r.arrived_at in self._span]
        self._lose(lost, f"not in raw/, at batch {batch.batch_id}", batch)
        if outcome.altered:
            detail = f"other bytes in raw/ than in the stream: {_some(outcome.altered)}"
            self._differ(Kind.ALTERED, outcome.altered[0], detail, len(outcome.altered), batch)
        self._miss(outcome.absent, batch)

    def finish(self, checkpoint: Checkpoint | None) -> None:
        """Read behind the last batch up to the checkpoint: what lies there is drained, says the ledger, and lost.

        What lies behind the checkpoint is not drained yet.
        """
        if checkpoint is not None and (checkpoint.closed or checkpoint.sequence_number is not None):
            bound = None if checkpoint.closed else int(checkpoint.sequence_number or 0)
            behind = [record for record in self._through(bound) if record.arrived_at in self._span]
            self._lose(behind, "in no batch, and before the checkpoint")
        waiting = self._records.peek()
        if waiting is not None and waiting.arrived_at in self._span:
            known = self._findings.undrained_from
            self._findings.undrained_from = min(waiting.arrived_at, known or waiting.arrived_at)

    def _through(self, sequence_number: int | None) -> Iterator[StreamRecord]:
        for record in self._records.through(sequence_number):
            self._read_through = int(record.sequence_number)
            yield record

    def _lose(self, lost: Sequence[StreamRecord], detail: str, batch: LedgerBatch | None = None) -> None:
        if lost:
            numbers = [record.sequence_number for record in lost]
            self._differ(Kind.LOST, numbers[0], f"{detail}: {_some(numbers)}", len(lost), batch)

    def _miss(self, absent: Collection[Absent], batch: LedgerBatch) -> None:
        """Tell what the stream has dropped by its retention from what it should still have."""
        if any(int(record.sequence_number) >= self._oldest for record in absent):
            # Asked after the records were missed: what was dropped while reading is not mistaken for foreign.
            oldest = self._records.oldest()
            self._oldest = math.inf if oldest is None else oldest
        foreign = []
        for record in absent:
            if int(record.sequence_number) >= self._oldest:
                foreign.append(record.sequence_number)
            else:
                self._findings.unprovable.add(record.events, record.arrived_at, record.arrived_at)
        if foreign:
            self._differ(Kind.FOREIGN, foreign[0], f"not in the stream: {_some(foreign)}", len(foreign), batch)

    def _differ(self, kind: Kind, number: str, detail: str, count: int, batch: LedgerBatch | None) -> None:
        batch_id, key = (batch.batch_id, batch.raw_key) if batch else (None, None)
        self._findings.add([Difference(kind, self._shard_id, number, detail, batch_id, key, count)])


def _some(numbers: Sequence[str], most: int = 3) -> str:
    more = len(numbers) - most
    return ", ".join(numbers[:most]) + (f" and {more} more" if more > 0 else "")
