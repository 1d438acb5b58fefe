"""What a reconciliation asks of the database, over a ledger in memory: the twin of ``store`` for tests."""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from include.ledger.memory import BatchState, InMemoryLedger
from include.proof.reconciliation.store import Reconciliation
from include.proof.reconciliation.values import LedgerBatch, Span
from include.records import MicroBatch


class InMemoryReconciliationStore:
    """A ``ReconciliationStore`` over an ``InMemoryLedger``; ``gone`` says which objects housekeeping removed."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self._ledger = ledger
        self.gone: dict[str, datetime] = {}
        self.saved: dict[tuple[str, str], Reconciliation] = {}

    def transaction(self) -> AbstractContextManager[object]:
        """Return the ledger's own transaction."""
        return self._ledger.transaction()

    def shards(self, stream: str, span: Span) -> dict[str, int]:
        """Return how many batches of the span each shard has."""
        return Counter(batch.shard_id for batch in self._live(stream) if batch.first_arrived_at in span)

    def batches(self, stream: str, shard_id: str, span: Span) -> list[LedgerBatch]:
        """Return the shard's batches of the span, and their neighbours."""
        live = [batch for batch in self._live(stream) if batch.shard_id == shard_id]
        live.sort(key=lambda batch: (batch.first_arrived_at, batch.first))
        drained = [batch for batch in live if batch.origin_batch_id is None]
        before = [batch for batch in drained if batch.first_arrived_at < span.start]
        behind = [batch for batch in drained if batch.first_arrived_at >= span.end]
        return [*before[-1:], *(batch for batch in live if batch.first_arrived_at in span), *behind[:1]]

    def named(self, raw_keys: Sequence[str]) -> set[str]:
        """Return those of the keys that the ledger names."""
        return {held.batch.raw_key for held in self._ledger.batches.values()} & set(raw_keys)

    def removed(self, keys: Collection[str]) -> dict[str, datetime]:
        """Return when housekeeping removed an object."""
        return {key: self.gone[key] for key in keys if key in self.gone}

    def save(self, reconciliation: Reconciliation) -> None:
        """Write the result, in place of what the same run said of the stream before."""
        self.saved[reconciliation.stream, reconciliation.run_id] = reconciliation

    def _live(self, stream: str) -> list[LedgerBatch]:
        batches = self._ledger.batches.values()
        return [_row(held) for held in batches if held.batch.stream == stream and held.batch.generation == 0]


def _row(held: BatchState) -> LedgerBatch:
    shared = set(LedgerBatch.__slots__) & set(MicroBatch.__slots__)
    values = {name: getattr(held.batch, name) for name in shared}
    return LedgerBatch(
        **values,
        state=held.state,
        staged_key=held.validated.staged_key if held.validated else None,
        dlq_key=held.validated.dlq_key if held.validated else None,
        clean_key=held.audited.clean_key if held.audited else None,
        valid=held.validated.valid if held.validated else None,
        dead_lettered=held.validated.dead_lettered if held.validated else None,
        alertable=held.alertable,
        filtered=held.filtered,
    )
