"""Whether anything lies past a stream's checkpoints."""

from datetime import UTC, datetime

import pytest

from include.adapters.kinesis_memory import InMemoryStream
from include.drain.backlog import has_backlog
from include.errors import ConfigurationError, TransientError
from include.records import Checkpoint

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHARD = "shardId-000000000000"


@pytest.fixture
def stream() -> InMemoryStream:
    """Return a stream of one empty shard."""
    return InMemoryStream("app-logs")


def waits(stream: InMemoryStream, *checkpoints: Checkpoint) -> bool:
    """Return whether something waits past the checkpoints."""
    return has_backlog(stream, "app-logs", {checkpoint.shard_id: checkpoint for checkpoint in checkpoints})


def test_a_drained_stream_has_none(stream: InMemoryStream) -> None:
    """The checkpoint's own record is not waiting any more."""
    sequence_number = stream.put(SHARD, b"1", NOW)
    assert not waits(stream, Checkpoint(SHARD, sequence_number=sequence_number))


def test_an_empty_stream_has_none(stream: InMemoryStream) -> None:
    """A known shard without a record is no work."""
    assert not waits(stream, Checkpoint(SHARD))


def test_a_record_past_the_checkpoint_waits(stream: InMemoryStream) -> None:
    """One record is enough."""
    stream.put(SHARD, b"1", NOW)
    assert waits(stream, Checkpoint(SHARD))


def test_a_new_shard_waits(stream: InMemoryStream) -> None:
    """A shard without a checkpoint is news, also when it is empty."""
    assert waits(stream)


def test_a_shard_that_ended_waits(stream: InMemoryStream) -> None:
    """Its checkpoint has to be closed before its children are read."""
    children = stream.split(SHARD)
    assert waits(stream, Checkpoint(SHARD), *(Checkpoint(child, (SHARD,)) for child in children))


def test_a_closed_shard_does_not_wait(stream: InMemoryStream) -> None:
    """Once it is drained to its end, nothing is left of it."""
    children = stream.split(SHARD)
    assert not waits(stream, Checkpoint(SHARD, closed=True), *(Checkpoint(child, (SHARD,)) for child in children))


def test_an_open_checkpoint_whose_shard_is_gone_waits(stream: InMemoryStream) -> None:
    """A drain has to record what was lost with it; once its checkpoint is closed, nothing waits."""
    gone = "shardId-000000000099"
    assert waits(stream, Checkpoint(SHARD), Checkpoint(gone))
    assert not waits(stream, Checkpoint(SHARD), Checkpoint(gone, closed=True))


@pytest.mark.parametrize("closed", [True, False])
def test_a_checkpoint_of_a_deleted_stream_waits(stream: InMemoryStream, *, closed: bool) -> None:
    """The shard of the same name in the stream that was made anew is another one, and has to be read."""
    sequence_number = stream.put(SHARD, b"1", NOW)
    stream.recreate()
    assert waits(stream, Checkpoint(SHARD, sequence_number=sequence_number, closed=closed))


def test_a_sequence_number_that_the_stream_refuses_waits(stream: InMemoryStream) -> None:
    """Nobody waits in front of a gap: a drain has to meet and record it."""
    assert waits(stream, Checkpoint(SHARD, sequence_number="9" * 56))


def test_records_behind_empty_pages_wait(stream: InMemoryStream) -> None:
    """Twenty empty pages, then data: only a page at the stream's tip means that nothing waits."""
    stream.put(SHARD, b"1", NOW)
    stream.empty_pages = 20
    assert waits(stream, Checkpoint(SHARD))


def test_an_expired_iterator_is_renewed(stream: InMemoryStream) -> None:
    """A look that took longer than the iterator's five minutes goes on with a new one."""
    stream.put(SHARD, b"1", NOW)
    stream.expire()
    assert waits(stream, Checkpoint(SHARD))


def test_a_server_that_is_away_is_an_error(stream: InMemoryStream) -> None:
    """Not being able to look is not the same as nothing waiting."""
    stream.faults.append(TransientError("away"))
    with pytest.raises(TransientError, match="away"):
        waits(stream, Checkpoint(SHARD))


def test_an_unknown_stream_is_a_configuration_error(stream: InMemoryStream) -> None:
    """A wrong name is not waited for in silence."""
    with pytest.raises(ConfigurationError):
        has_backlog(stream, "no-such-stream", {SHARD: Checkpoint(SHARD)})
