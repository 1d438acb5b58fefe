"""The ledger in memory: the twin of ``include.ledger.postgres`` for tests of everything above it."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from include.errors import ConservationError, FencedError
from include.ledger.ledger import Advance, Audited, Claim, Stage, Validated
from include.records import Checkpoint, Gap, MicroBatch, Shard


@dataclass
class BatchState:
    """What became of a batch, as the ledger's row tells it."""

    batch: MicroBatch
    drained_at: datetime
    state: str = "drained"
    validated: Validated | None = None
    alertable: int | None = None
    filtered: int | None = None
    audited: Audited | None = None


@dataclass
class _StageState:
    next_attempt_at: datetime
    state: str = "pending"
    owner: str | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    last_error: str | None = None

    def takeable(self, owner: str | None, now: datetime) -> bool:
        if self.state == "pending":
            return self.next_attempt_at <= now
        expired = self.lease_until is not None and self.lease_until <= now
        return self.state == "claimed" and (expired or (owner is not None and self.owner == owner))


@dataclass
class _Tables:
    checkpoints: dict[tuple[str, int, str], Checkpoint] = field(default_factory=dict)
    batches: dict[str, BatchState] = field(default_factory=dict)
    stages: dict[tuple[str, Stage], _StageState] = field(default_factory=dict)
    alerting: set[tuple[str, int]] = field(default_factory=set)
    gaps: dict[str, Gap] = field(default_factory=dict)


class InMemoryLedger:
    """A ``Ledger`` in dictionaries; a transaction is a copy that is put back when it fails."""

    def __init__(self, generation: int = 0) -> None:
        self._tables = _Tables()
        self._generation = generation

    @property
    def generation(self) -> int:
        """Return which generation this ledger drains."""
        return self._generation

    def for_generation(self, generation: int) -> "InMemoryLedger":
        """Return the same ledger for another generation, over the same tables."""
        other = InMemoryLedger(generation)
        other._tables = self._tables
        return other

    @property
    def batches(self) -> dict[str, BatchState]:
        """The batches by id, for a test to look at."""
        return self._tables.batches

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo everything when an exception leaves the block."""
        before = copy.deepcopy(self._tables)
        try:
            yield
        except BaseException:
            # In place: the ledgers of other generations hold the same tables.
            for name, value in vars(before).items():
                setattr(self._tables, name, value)
            raise

    def register(self, stream: str, shards: Iterable[Shard], start_at: datetime | None, now: datetime) -> None:  # noqa: ARG002
        """Add a checkpoint for each shard that has none, and keep the others' parents up to date."""
        first_start = None if self.checkpoints(stream) else start_at
        for shard in shards:
            key = (stream, self._generation, shard.shard_id)
            new = Checkpoint(shard.shard_id, start_at=first_start, shard_start=shard.starting_sequence_number)
            held = self._tables.checkpoints.get(key, new)
            self._tables.checkpoints[key] = replace(held, parent_shard_ids=shard.parent_shard_ids)

    def begin_replay(self, stream: str, checkpoints: Iterable[Checkpoint], *, alerts: bool) -> None:
        """Put the checkpoints at which this generation begins; without ``alerts`` its batches stay silent."""
        for checkpoint in checkpoints:
            self._tables.checkpoints[stream, self._generation, checkpoint.shard_id] = checkpoint
        if alerts:
            self._tables.alerting.add((stream, self._generation))

    def checkpoints(self, stream: str) -> dict[str, Checkpoint]:
        """Return the stream's checkpoints by shard."""
        own = (stream, self._generation)
        return {key[2]: value for key, value in self._tables.checkpoints.items() if key[:2] == own}

    def commit_drain(self, batch: MicroBatch | None, advance: Advance, run_id: str, now: datetime) -> None:
        """Write the batch and the gap, if any, open the batch's validation, and advance the checkpoint."""
        key = (advance.stream, self._generation, advance.shard_id)
        held = self._tables.checkpoints[key]
        if held.version != advance.expected_version or (held.closed and not advance.rewound):
            raise FencedError(f"Another run advanced {advance.stream}/{advance.shard_id}")
        self._tables.checkpoints[key] = replace(
            held,
            start_at=None if advance.rewound else held.start_at,
            sequence_number=advance.sequence_number or (None if advance.rewound else held.sequence_number),
            closed=advance.closed,
            shard_start=advance.shard_start or held.shard_start,
            version=held.version + 1,
            last_arrived_at=advance.last_arrived_at or held.last_arrived_at,
            caught_up_at=_later(held.caught_up_at, advance.caught_up_at),
        )
        if advance.gap is not None:
            self._tables.gaps.setdefault(advance.gap.gap_id, advance.gap)
        if batch is not None:
            self.open_batch(batch, run_id, now)

    def open_batch(self, batch: MicroBatch, run_id: str, now: datetime) -> None:  # noqa: ARG002
        """Write a batch and open its validation; the checkpoints are left alone."""
        if batch.batch_id in self.batches:
            raise FencedError(f"Another run has committed batch {batch.batch_id}")
        self._tables.batches[batch.batch_id] = BatchState(batch, now)
        self._tables.stages[batch.batch_id, Stage.VALIDATE] = _StageState(now)

    def catch_up(self, stream: str, tips: Mapping[str, datetime]) -> None:
        """Note for each shard when reading stood at its tip."""
        for shard_id, at in tips.items():
            key = (stream, self._generation, shard_id)
            held = self._tables.checkpoints[key]
            self._tables.checkpoints[key] = replace(held, caught_up_at=_later(held.caught_up_at, at))

    def gaps(self, stream: str) -> list[Gap]:
        """Return the stream's gaps in the order of their detection."""
        return [gap for gap in self._tables.gaps.values() if gap.stream == stream]

    def last_drained_at(self, stream: str) -> datetime | None:
        """Return when the stream's newest batch was drained; redriven ones do not count."""
        own = (stream, self._generation)
        batches = [held for held in self.batches.values() if (held.batch.stream, held.batch.generation) == own]
        times = [held.drained_at for held in batches if held.batch.origin_batch_id is None]
        return max(times, default=None)

    def claim(self, stream: str, stage: Stage, owner: str, limit: int, lease: timedelta, now: datetime) -> list[Claim]:
        """Take up to ``limit`` batches that wait for a stage: live ones first, then oldest first."""
        claims: list[Claim] = []
        for held in sorted(self.batches.values(), key=_order):
            work = self._tables.stages.get((held.batch.batch_id, stage))
            if held.batch.stream != stream or work is None or not work.takeable(owner, now):
                continue
            if len(claims) == limit:
                break
            work.state, work.owner, work.lease_until = "claimed", owner, now + lease
            work.attempts += 1
            alerts = not held.batch.generation or (stream, held.batch.generation) in self._tables.alerting
            claims.append(_claim(held, stage, work.attempts, alerts=alerts))
        return claims

    def complete_validate(self, claim: Claim, outcome: Validated, now: datetime) -> None:
        """Record what validation made of the batch and open the stages behind it."""
        held = self._held(claim)
        if outcome.valid + outcome.dead_lettered != held.batch.records:
            raise ConservationError(claim.batch_id)
        self._tables.stages[claim.batch_id, claim.stage].state = "done"
        held.validated, held.state = outcome, "validated"
        if outcome.valid:
            self._tables.stages[claim.batch_id, Stage.ALERT] = _StageState(now)
            self._tables.stages[claim.batch_id, Stage.AUDIT] = _StageState(now)
        else:
            held.state, held.alertable, held.filtered = "published", 0, 0

    def complete_alert(self, claim: Claim, alertable: int, filtered: int, now: datetime) -> None:  # noqa: ARG002
        """Record what the filter made of the batch."""
        held = self._held(claim)
        if held.validated is None or alertable + filtered != held.validated.valid:
            raise ConservationError(claim.batch_id)
        self._tables.stages[claim.batch_id, claim.stage].state = "done"
        held.alertable, held.filtered = alertable, filtered

    def complete_audit(self, claim: Claim, outcome: Audited, now: datetime) -> None:  # noqa: ARG002
        """Record the suite's verdict: published, or quarantined."""
        held = self._held(claim)
        self._tables.stages[claim.batch_id, claim.stage].state = "done"
        held.audited, held.state = outcome, "published" if outcome.clean_key else "quarantined"

    def last_docs_at(self, stream: str) -> datetime | None:
        """Return when the stream's newest audited batch that has a page was judged."""
        pages = [
            datetime.fromisoformat(str(held.audited.quality["started_at"]))
            for held in self.batches.values()
            if held.batch.stream == stream and held.audited and held.audited.quality.get("docs_key")
        ]
        return max(pages, default=None)

    def release(self, claim: Claim, error: str, retry_at: datetime) -> None:
        """Give the work back, to be taken again from ``retry_at`` on."""
        work = self._tables.stages[claim.batch_id, claim.stage]
        if work.state == "claimed" and work.attempts == claim.token:
            work.state, work.next_attempt_at, work.last_error = "pending", retry_at, error

    def unfinished(self, stream: str, now: datetime, stage: Stage | None = None) -> int:
        """Return how many stages (or how many of one kind) are there to be taken."""
        return sum(
            self.batches[batch_id].batch.stream == stream and stage in {None, of} and work.takeable(None, now)
            for (batch_id, of), work in self._tables.stages.items()
        )

    def _held(self, claim: Claim) -> BatchState:
        work = self._tables.stages[claim.batch_id, claim.stage]
        if work.state != "claimed" or work.attempts != claim.token:
            raise FencedError(f"Another run took {claim.stage} of batch {claim.batch_id}")
        return self.batches[claim.batch_id]


def _order(held: BatchState) -> tuple[bool, datetime, str]:
    return held.batch.generation > 0, held.drained_at, held.batch.batch_id


def _later(known: datetime | None, new: datetime | None) -> datetime | None:
    return max((at for at in (known, new) if at is not None), default=None)


def _claim(held: BatchState, stage: Stage, token: int, *, alerts: bool) -> Claim:
    return Claim(
        batch_id=held.batch.batch_id,
        stream=held.batch.stream,
        shard_id=held.batch.shard_id,
        stage=stage,
        token=token,
        records=held.batch.records,
        valid=held.validated.valid if held.validated else None,
        raw_key=held.batch.raw_key,
        staged_key=held.validated.staged_key if held.validated else None,
        first_arrived_at=held.batch.first_arrived_at,
        last_arrived_at=held.batch.last_arrived_at,
        generation=held.batch.generation,
        alerts=alerts,
    )
