"""Redrives in memory: the twin of ``include.redrive.postgres`` for tests of everything above it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from include.errors import FencedError
from include.ledger.memory import BatchState, InMemoryLedger
from include.records import MicroBatch
from include.redrive.store import (
    Identity,
    LetterGroup,
    Place,
    Redrive,
    Retrial,
    Selection,
    Source,
    State,
)

GroupKey = tuple[str, str, str]
"""Batch, stage and reason."""


@dataclass
class LetterState:
    """What became of a group of dead letters."""

    redriven: int = 0
    attempts: int = 0
    discarded: bool = False


@dataclass
class _Held:
    redrive: Redrive
    state: State


class InMemoryRedriveStore:
    """A ``RedriveStore`` beside an ``InMemoryLedger``, whose validated batches have the dead letters."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self._ledger = ledger
        self._redrives: dict[str, _Held] = {}
        self.letters: dict[GroupKey, LetterState] = {}
        """What became of each group that was tried; a test may discard one."""
        self.batch_of: dict[tuple[str, Identity], str] = {}
        """For each dead letter that was moved (its batch, its identity), the batch that it is in now."""

    def begin(self, selection: Selection, run_id: str, now: datetime, *, dry_run: bool) -> Redrive:
        """Return the run's redrive: a new one, or where an unfinished try of it was left."""
        for other in self._redrives.values():
            if (
                other.state is State.RUNNING
                and other.redrive.selection.stream == selection.stream
                and other.redrive.run_id != run_id
            ):
                other.state = State.CANCELLED
        held = self._redrives.get(run_id)
        if held is None:
            redrive = Redrive(len(self._redrives) + 1, run_id, selection, dry_run, 1, now)
        elif held.state is State.DONE:
            redrive = Redrive(held.redrive.redrive_id, run_id, selection, dry_run, held.redrive.token + 1, now)
        else:
            redrive = replace(held.redrive, token=held.redrive.token + 1)
        self._redrives[run_id] = _Held(redrive, State.RUNNING)
        return redrive

    def next_source(self, redrive: Redrive) -> Source | None:
        """Return the next batch with open, selected dead letters, or None."""
        for held in sorted(self._ledger.batches.values(), key=_place):
            groups = self._open_groups(held, redrive.selection)
            behind = redrive.after is None or _place(held) > redrive.after
            if groups and behind and held.drained_at < redrive.started_at and held.validated:
                batch, dlq_key = held.batch, held.validated.dlq_key or ""
                return Source(batch.batch_id, batch.shard_id, batch.raw_key, dlq_key, held.drained_at, groups)
        return None

    def moved(self, batch_id: str) -> set[Identity]:
        """Return which dead letters of a batch are in another batch already."""
        return {identity for (origin, identity) in self.batch_of if origin == batch_id}

    def record(self, redrive: Redrive, retrials: Sequence[Retrial], batch: MicroBatch | None, now: datetime) -> None:
        """Write down that ``redrive.after`` is done with; unless it is a dry run, move its fixed records."""
        held = self._redrives[redrive.run_id]
        if held.redrive.token != redrive.token or held.state is not State.RUNNING:
            raise FencedError(f"Redrive {redrive.redrive_id} was cancelled or tried again meanwhile")
        if not redrive.dry_run:
            assert redrive.after is not None  # noqa: S101 - the caller names the batch that is done with
            self._move(redrive.after.batch_id, retrials, batch, redrive.run_id, now)
        held.redrive = redrive

    def finish(self, redrive: Redrive, state: State, now: datetime) -> None:  # noqa: ARG002
        """Write down how the redrive ended; nothing happens when a newer try has begun."""
        held = self._redrives[redrive.run_id]
        if held.redrive.token == redrive.token and held.state is State.RUNNING:
            held.state = state

    def open_reasons(self, stream: str) -> dict[str, int]:
        """Return how many dead letters of a stream are open, by reason."""
        open_letters: Counter[str] = Counter()
        for held in self._ledger.batches.values():
            for group in self._open_groups(held, Selection(stream)):
                open_letters[group.reason] += group.records
        return dict(sorted(open_letters.items()))

    def _move(
        self, origin: str, retrials: Sequence[Retrial], batch: MicroBatch | None, run_id: str, now: datetime
    ) -> None:
        """Check everything, then change everything: what fails has changed nothing."""
        fixed = {(origin, letter) for retrial in retrials for letter in retrial.fixed}
        groups = [self.letters.get((origin, retrial.stage, retrial.reason), LetterState()) for retrial in retrials]
        if fixed & self.batch_of.keys() or any(group.discarded for group in groups):
            raise FencedError(f"Dead letters of batch {origin} were moved or discarded meanwhile")
        if batch is not None:
            self._ledger.open_batch(batch, run_id, now)
            self.batch_of |= dict.fromkeys(fixed, batch.batch_id)
        for retrial, group in zip(retrials, groups, strict=True):
            group.redriven += len(retrial.fixed)
            group.attempts = 0 if retrial.fixed else group.attempts + 1
            self.letters[origin, retrial.stage, retrial.reason] = group

    def _open_groups(self, held: BatchState, selection: Selection) -> tuple[LetterGroup, ...]:
        if held.validated is None or not _selected(held.batch, selection):
            return ()
        groups = []
        for letters in sorted(held.validated.dead_letters, key=lambda one: (one.stage, one.reason)):
            state = self.letters.get((held.batch.batch_id, letters.stage, letters.reason), LetterState())
            left = letters.records - state.redriven
            if left and not state.discarded and selection.reason in {None, letters.reason}:
                groups.append(LetterGroup(letters.stage, letters.reason, left, state.attempts))
        return tuple(groups)


def _place(held: BatchState) -> Place:
    return Place(held.drained_at, held.batch.batch_id)


def _selected(batch: MicroBatch, selection: Selection) -> bool:
    return (
        batch.stream == selection.stream
        and selection.batch_id in {None, batch.batch_id}
        and (selection.arrived_from is None or batch.last_arrived_at >= selection.arrived_from)
        and (selection.arrived_before is None or batch.first_arrived_at < selection.arrived_before)
    )
