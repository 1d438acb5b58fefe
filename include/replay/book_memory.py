"""The book of replays in memory: the twin of ``include.replay.book_postgres`` for tests of everything above it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from include.errors import FencedError
from include.ledger.memory import InMemoryLedger
from include.records import Checkpoint, MicroBatch
from include.replay.book import Drained, Replay, ReplayRequest, ReplayState, Shortfall


class InMemoryReplayBook:
    """A ``ReplayBook`` beside a ledger in memory."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self._ledger = ledger
        self._replays: dict[tuple[str, int], Replay] = {}

    def find(self, stream: str, run_id: str) -> Replay | None:
        """Return the replay that a run has opened before, or None."""
        of_run = [known for known in self._of(stream) if known.request.run_id == run_id]
        return of_run[0] if of_run else None

    def open(
        self,
        stream: str,
        request: ReplayRequest,
        checkpoints: Sequence[Checkpoint],
        shortfall: Shortfall | None,
        now: datetime,
    ) -> Replay:
        """Begin a replay with a new generation."""
        if known := self.find(stream, request.run_id):
            return known
        generation = len(self._of(stream)) + 1
        opened = Replay(stream, generation, request, ReplayState.RUNNING, 0, 0, shortfall, now)
        self._replays[stream, generation] = opened
        self._ledger.for_generation(generation).begin_replay(stream, checkpoints, alerts=request.alerts)
        return opened

    def mark(self, replay: Replay, state: ReplayState, error: str | None, now: datetime) -> Replay:
        """Record how the replay stands."""
        known = self._replays[replay.stream, replay.generation]
        batches = self._batches(replay.stream, replay.generation)
        marked = replace(known, batches=len(batches), records=sum(batch.records for batch in batches))
        if known.state is not ReplayState.DONE:
            ended = None if state is ReplayState.RUNNING else now
            marked = replace(marked, state=state, last_error=error, finished_at=ended)
        self._replays[replay.stream, replay.generation] = marked
        return marked

    def skip(
        self,
        replay: Replay,
        checkpoint: Checkpoint,
        to: str | None,
        shortfall: Shortfall,
        now: datetime,  # noqa: ARG002
    ) -> Replay:
        """Let a shard's reading go on at a record, and count what is missing before it."""
        ledger = self._ledger.for_generation(replay.generation)
        held = ledger.checkpoints(replay.stream)[checkpoint.shard_id]
        if held.version != checkpoint.version or held.closed:
            raise FencedError(f"Another try of {replay.request.run_id} advanced {checkpoint.shard_id}")
        moved = replace(held, version=held.version + 1, closed=to is None)
        moved = moved if to is None else replace(moved, start_sequence_number=to)
        ledger.begin_replay(replay.stream, [moved], alerts=replay.request.alerts)
        known = self._replays[replay.stream, replay.generation]
        known = replace(known, shortfall=known.shortfall + shortfall if known.shortfall else shortfall)
        self._replays[replay.stream, replay.generation] = known
        return known

    def drained_live(self, stream: str, shard_id: str, request: ReplayRequest, before: str | None) -> Drained:
        """Return what the live drain read of a shard in the range before the sequence number."""
        begin = request.from_sequence_number if shard_id == request.shard_id else None
        found = [
            batch
            for batch in self._batches(stream, 0)
            if batch.shard_id == shard_id
            and batch.origin_batch_id is None
            and (before is None or int(batch.last_sequence_number) < int(before))
            and (begin is None or int(batch.last_sequence_number) >= int(begin))
            and (request.from_at is None or batch.last_arrived_at >= request.from_at)
            and (request.until is None or batch.first_arrived_at < request.until)
        ]
        return Drained(
            records=sum(batch.records for batch in found),
            first_arrived_at=min((batch.first_arrived_at for batch in found), default=None),
            last_arrived_at=max((batch.last_arrived_at for batch in found), default=None),
        )

    def _of(self, stream: str) -> list[Replay]:
        return [known for (name, _), known in self._replays.items() if name == stream]

    def _batches(self, stream: str, generation: int) -> list[MicroBatch]:
        batches = [held.batch for held in self._ledger.batches.values()]
        return [batch for batch in batches if (batch.stream, batch.generation) == (stream, generation)]
