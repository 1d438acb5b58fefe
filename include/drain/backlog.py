"""Whether a stream has anything past its checkpoints."""

from collections.abc import Mapping

from include.adapters.kinesis import ExpiredIteratorError, StreamReader, UnknownSequenceError
from include.drain.gaps import changed
from include.drain.shard_plan import readable
from include.records import Checkpoint


def has_backlog(reader: StreamReader, kinesis_stream: str, checkpoints: Mapping[str, Checkpoint]) -> bool:
    """Return whether a shard is new, has ended, is gone or another one, or holds a record past its checkpoint.

    Raises:
        TransientError: Kinesis did not answer, or refused for now.
        ConfigurationError: there is no such stream.
    """
    if changed(checkpoints, reader.shards(kinesis_stream)):
        return True
    return any(_waits(reader, kinesis_stream, checkpoint) for checkpoint in readable(checkpoints))


def _waits(reader: StreamReader, kinesis_stream: str, checkpoint: Checkpoint) -> bool:
    """Read on over empty pages: only one at the tip means that nothing waits."""
    try:
        iterator = reader.iterator(kinesis_stream, checkpoint)
    except UnknownSequenceError:
        # A gap is for a drain to record; nobody should wait in front of it.
        return True
    while True:
        try:
            page = reader.page(kinesis_stream, iterator, 1)
        except ExpiredIteratorError:
            iterator = reader.iterator(kinesis_stream, checkpoint)
            continue
        if page.records or page.next_iterator is None:
            return True
        if page.behind_s == 0:
            return False
        iterator = page.next_iterator
