"""What a stream lost before it was read: found before reading, so that nothing is jumped over in silence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from include.adapters.kinesis import StreamReader
from include.records import Checkpoint, Gap, GapReason, Shard

SHORTEST_RETENTION = timedelta(hours=24)
"""Kinesis keeps records for no less: what was drained until later than that cannot have been trimmed."""


def drained_until(checkpoint: Checkpoint, checkpoints: Mapping[str, Checkpoint]) -> datetime | None:
    """Return until when all that arrived in a shard is drained, or None where that is not known.

    A shard that was never read was born after what was drained of its parents.
    """
    own = [at for at in (checkpoint.last_arrived_at, checkpoint.caught_up_at) if at is not None]
    if own:
        return max(own)
    known = (checkpoints[parent] for parent in checkpoint.parent_shard_ids if parent in checkpoints)
    inherited = [until for until in (drained_until(parent, checkpoints) for parent in known) if until is not None]
    return min(inherited, default=None)


def changed(checkpoints: Mapping[str, Checkpoint], shards: Iterable[Shard]) -> bool:
    """Return whether a stream has a shard without a checkpoint, or a checkpoint that no shard of it belongs to.

    The checkpoints must have been read before the shards: of a shard that is born in between there is none.
    """
    listed = {shard.shard_id: shard for shard in shards}
    return not listed.keys() <= checkpoints.keys() or any(
        _from_elsewhere(checkpoint, listed[shard_id]) if shard_id in listed else not checkpoint.closed
        for shard_id, checkpoint in checkpoints.items()
    )


@dataclass(frozen=True, slots=True)
class Survey:
    """What a run finds the stream to be like: its shards, what has gone of those that are known, and its retention.

    All shards are judged at the same instant, so that a child is not found a moment behind its parent. ``anew`` says
    that this is another stream than the one that the checkpoints are of.
    """

    stream: str
    listed: Mapping[str, Shard]
    gone: frozenset[str]
    retention: timedelta
    now: datetime
    anew: bool = False

    def gap(self, checkpoint: Checkpoint, checkpoints: Mapping[str, Checkpoint]) -> Gap | None:
        """Return what was lost behind a checkpoint, if anything."""
        until, horizon = drained_until(checkpoint, checkpoints), self.now - self.retention
        passed = until is not None and until < horizon
        shard = self.listed.get(checkpoint.shard_id)
        if shard is not None and _from_elsewhere(checkpoint, shard):
            return _gap(self.stream, checkpoint, GapReason.UNKNOWN_SEQUENCE, until, self.now)
        if checkpoint.closed:
            return None
        if checkpoint.shard_id in self.gone:
            # A shard is listed as long as the stream could hold one of its records.
            to_at = horizon if passed and not self.anew else self.now
            return _gap(self.stream, checkpoint, GapReason.SHARD_GONE, until, to_at)
        return _gap(self.stream, checkpoint, GapReason.RETENTION, until, horizon) if passed else None

    def gaps(self, checkpoints: Mapping[str, Checkpoint]) -> dict[str, Gap]:
        """Return what was lost, by shard."""
        found = {shard_id: self.gap(checkpoint, checkpoints) for shard_id, checkpoint in checkpoints.items()}
        return {shard_id: gap for shard_id, gap in found.items() if gap is not None}


def survey(
    stream: str,
    reader: StreamReader,
    kinesis_stream: str,
    checkpoints: Mapping[str, Checkpoint],
    now: datetime,
) -> Survey:
    """Look at the stream; its retention is asked for only where a checkpoint is old enough to be past it.

    Raises:
        TransientError: Kinesis did not answer.
        ConfigurationError: the stream does not exist.
    """
    listed = {shard.shard_id: shard for shard in reader.shards(kinesis_stream)}
    untils = [drained_until(checkpoint, checkpoints) for checkpoint in checkpoints.values() if not checkpoint.closed]
    old = any(until is not None and until < now - SHORTEST_RETENTION for until in untils)
    retention = reader.retention(kinesis_stream) if old else SHORTEST_RETENTION
    both = checkpoints.keys() & listed.keys()
    anew = any(_from_elsewhere(checkpoints[shard_id], listed[shard_id]) for shard_id in both)
    return Survey(stream, listed, frozenset(checkpoints.keys() - listed.keys()), retention, now, anew)


def unknown_sequence(stream: str, checkpoint: Checkpoint, now: datetime) -> Gap:
    """Return the gap behind a checkpoint whose sequence number the stream refused."""
    return _gap(stream, checkpoint, GapReason.UNKNOWN_SEQUENCE, drained_until(checkpoint, {}), now)


def rewound(checkpoint: Checkpoint, shard: Shard | None = None) -> Checkpoint:
    """Return the checkpoint at the oldest record of its shard, or of that one's namesake, open, in its version."""
    shard_start = shard.starting_sequence_number if shard else checkpoint.shard_start
    return replace(checkpoint, sequence_number=None, start_at=None, closed=False, shard_start=shard_start)


def measured(gap: Gap, first_arrived_at: datetime | None) -> Gap:
    """Return the gap up to the first record that was read behind it, where there is one.

    The record may be older than the trim horizon: Kinesis trims at leisure, and then less is lost.
    """
    if first_arrived_at is None:
        return gap
    return replace(gap, to_at=first_arrived_at if gap.from_at is None else max(first_arrived_at, gap.from_at))


def _gap(stream: str, checkpoint: Checkpoint, reason: GapReason, until: datetime | None, to_at: datetime) -> Gap:
    # A clock that was set back makes no gap of less than nothing.
    to_at = to_at if until is None else max(to_at, until)
    return Gap(stream, checkpoint.shard_id, reason, checkpoint.sequence_number, until, to_at)


def _from_elsewhere(checkpoint: Checkpoint, shard: Shard) -> bool:
    """Return whether the checkpoint is older than the shard: the stream was deleted and made again."""
    position = checkpoint.sequence_number or checkpoint.shard_start
    return position is not None and int(position) < int(shard.starting_sequence_number)
