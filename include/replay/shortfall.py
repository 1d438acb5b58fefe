"""What a replay was asked for and can no longer read: found shard by shard, right before its reading."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from include.drain.buffer import BufferHints
from include.drain.read_shard import ShardSource, read_shard
from include.drain.shard_plan import readable
from include.ledger.ledger import Ledger
from include.records import Checkpoint, StreamRecord
from include.replay.book import Replay, ReplayBook, ReplayRequest, Shortfall

log = logging.getLogger(__name__)
SAFE_AGE = timedelta(hours=23)
"""Kinesis keeps a record for a day at least: behind one that is younger than this, nothing can be missing yet."""


def oldest_held(source: ShardSource, shard_id: str) -> StreamRecord | None:
    """Return the oldest record that a shard still holds."""
    read = read_shard(source, Checkpoint(shard_id), BufferHints(max_records=1), source.clock())
    return read.records[0] if read.records else None


def at_the_beginning(
    source: ShardSource,
    book: ReplayBook,
    request: ReplayRequest,
    oldest: Mapping[str, StreamRecord | None],
    gone: list[str],
) -> Shortfall | None:
    """Return what is missing before the stream's oldest record, and of the shards that have left the stream."""
    found = [book.drained_live(source.stream, shard_id, request, None) for shard_id in gone]
    parts = [
        Shortfall(request.from_at or part.first_arrived_at, part.last_arrived_at, part.records)
        for part in found
        if part.last_arrived_at
    ]
    if _begins_before(request, oldest):
        held = [record.arrived_at for record in oldest.values() if record]
        parts.append(Shortfall(request.from_at, min([*held, request.until or source.clock()]), 0))
    return _total(parts)


def account(source: ShardSource, ledger: Ledger, book: ReplayBook, known: Replay) -> None:
    """Look whether the shards that are next still hold their next records; record and tell what they do not.

    Kinesis answers a position before its oldest record with that record, and says nothing. How many records are
    missing the live batches tell.
    """
    now = source.clock()
    listed = {shard.shard_id for shard in source.reader.shards(source.kinesis_stream)}
    for checkpoint in readable(ledger.checkpoints(source.stream)):
        if checkpoint.shard_id not in listed:
            missing = _missing(source, book, known.request, checkpoint, None)
            _skip(book, known, checkpoint, None, missing or Shortfall(known.request.from_at, now, 0), now)
        elif checkpoint.last_arrived_at is None or checkpoint.last_arrived_at < now - SAFE_AGE:
            record = oldest_held(source, checkpoint.shard_id)
            to = record.sequence_number if record else None
            if missing := _missing(source, book, known.request, checkpoint, to):
                _skip(book, known, checkpoint, to, missing, now)


def _missing(
    source: ShardSource, book: ReplayBook, request: ReplayRequest, checkpoint: Checkpoint, to: str | None
) -> Shortfall | None:
    """Return what the live drain read between a checkpoint and the record ``to``, within the replay's range."""
    begins = [checkpoint.start_sequence_number, _behind(checkpoint.sequence_number)]
    begin = max((number for number in begins if number), key=int, default=None)
    ends = [to, _behind(checkpoint.stop_sequence_number)]
    end = min((number for number in ends if number), key=int, default=None)
    span = replace(request, shard_id=checkpoint.shard_id, from_sequence_number=begin)
    part = book.drained_live(source.stream, checkpoint.shard_id, span, end)
    if part.last_arrived_at is None:
        return None
    return Shortfall(
        checkpoint.last_arrived_at or request.from_at or part.first_arrived_at, part.last_arrived_at, part.records
    )


def _skip(
    book: ReplayBook, known: Replay, checkpoint: Checkpoint, to: str | None, missing: Shortfall, now: datetime
) -> None:
    book.skip(known, checkpoint, to, missing, now)
    tell(known, missing, checkpoint.shard_id)


def tell(known: Replay, missing: Shortfall, shard_id: str = "all") -> None:
    """Say loudly what is missing; what the live drain read of it lies in the live ``raw/``."""
    log.warning(
        "the stream does not hold all that was asked for: stream=%s generation=%d shard=%s from=%s until=%s "
        "records_at_most=%d",
        known.stream,
        known.generation,
        shard_id,
        missing.from_at or "unknown",
        missing.until,
        missing.records,
    )


def _begins_before(request: ReplayRequest, oldest: Mapping[str, StreamRecord | None]) -> bool:
    """Return whether the range begins before everything that the stream, or the sequence number's shard, holds."""
    if request.from_at is not None:
        return all(record is None or request.from_at < record.arrived_at for record in oldest.values())
    first = oldest.get(request.shard_id or "")
    return first is None or int(request.from_sequence_number or 0) < int(first.sequence_number)


def _behind(sequence_number: str | None) -> str | None:
    return None if sequence_number is None else str(int(sequence_number) + 1)


def _total(parts: list[Shortfall]) -> Shortfall | None:
    total: Shortfall | None = None
    for part in parts:
        total = total + part if total else part
    return total
