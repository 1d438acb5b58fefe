"""What a replay reads: which shards, from where to where."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from include.errors import ConfigurationError
from include.records import Checkpoint, Shard
from include.replay.book import ReplayRequest


def check(request: ReplayRequest, now: datetime) -> None:
    """Refuse a range that makes no sense.

    Raises:
        ConfigurationError: it says what to give instead.
    """
    if (request.from_at is None) == (request.from_sequence_number is None):
        raise ConfigurationError("A replay begins at an instant or at a sequence number: give exactly one of the two")
    if request.from_sequence_number is not None and request.shard_id is None:
        raise ConfigurationError(
            f"Sequence number {request.from_sequence_number} belongs to one shard: give the shard as well"
        )
    if request.from_at is not None and request.from_at >= (end := request.until or now):
        raise ConfigurationError(f"A replay from {request.from_at} to {end} is empty: begin earlier")
    if request.until is not None and request.until > now:
        raise ConfigurationError(f"A replay cannot end at {request.until}: that is still to come")


def begin(request: ReplayRequest, shards: Sequence[Shard], live: Mapping[str, Checkpoint]) -> list[Checkpoint]:
    """Return the checkpoints at which a replay begins, for every shard that it reads.

    Args:
        request: what was asked for; see ``check``.
        shards: the shards that the stream still knows.
        live: the live drain's checkpoints, at which a replay without ``until`` ends.

    Raises:
        ConfigurationError: there is no such shard, or nothing was drained that could be replayed.
    """
    chosen = _family(request.shard_id, shards) if request.shard_id else list(shards)
    if request.until is None:
        chosen = [shard for shard in chosen if shard.shard_id in live and live[shard.shard_id].sequence_number]
    if not chosen:
        raise ConfigurationError(
            "Nothing was drained live that could be replayed: let the drain run, or say until when to read"
        )
    return [
        Checkpoint(
            shard.shard_id,
            shard.parent_shard_ids,
            start_at=request.from_at,
            start_sequence_number=request.from_sequence_number if shard.shard_id == request.shard_id else None,
            stop_sequence_number=live[shard.shard_id].sequence_number if request.until is None else None,
        )
        for shard in chosen
    ]


def _family(shard_id: str, shards: Sequence[Shard]) -> list[Shard]:
    """Return a shard and everything that descends from it by splits and merges."""
    if shard_id not in {shard.shard_id for shard in shards}:
        known = ", ".join(sorted(shard.shard_id for shard in shards))
        raise ConfigurationError(f"The stream has no shard {shard_id!r} any more; there are: {known}")
    family = {shard_id}
    while born := {one.shard_id for one in shards if family & set(one.parent_shard_ids)} - family:
        family |= born
    return [shard for shard in shards if shard.shard_id in family]
