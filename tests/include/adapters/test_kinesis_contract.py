"""All readers of a stream keep the Protocol's promises."""

import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from unittest.mock import Mock

import pytest

from include.adapters.kinesis import BotoStreamReader, StreamReader, UnknownSequenceError
from include.adapters.kinesis_memory import InMemoryStream
from include.errors import ConfigurationError, TransientError
from include.records import Checkpoint, Page

DEADLINE_S = 20


class Source(Protocol):
    """A stream of one shard that a test writes to."""

    name: str
    reader: StreamReader

    def put(self, data: bytes) -> str: ...

    def split(self) -> None: ...

    def recreate(self) -> None: ...


class MemorySource:
    """The in-memory twin."""

    def __init__(self) -> None:
        self.name = "logs"
        self.reader = self._stream = InMemoryStream("logs")

    def put(self, data: bytes) -> str:
        return self._stream.put(self._stream.shards("logs")[0].shard_id, data, datetime.now(UTC))

    def split(self) -> None:
        self._stream.split(self._stream.shards("logs")[0].shard_id)

    def recreate(self) -> None:
        self._stream.recreate()


class EmulatorSource:
    """A stream of its own on an emulator."""

    def __init__(self, client: Any) -> None:
        self.name = f"test-{secrets.token_hex(4)}"
        self._client = client
        self.reader = BotoStreamReader(client)
        self._create()

    def put(self, data: bytes) -> str:
        return self._client.put_record(StreamName=self.name, Data=data, PartitionKey="key")["SequenceNumber"]

    def split(self) -> None:
        shard = self.reader.shards(self.name)[0].shard_id
        self._client.split_shard(StreamName=self.name, ShardToSplit=shard, NewStartingHashKey=str(2**127))
        self._wait_until_active()

    def recreate(self) -> None:
        # Sequence numbers begin with the second in which their stream was made, with kinesalite two seconds before.
        later = time.time() + 2.1
        self._client.delete_stream(StreamName=self.name)
        deadline = time.monotonic() + DEADLINE_S
        while self.name in self._client.list_streams()["StreamNames"] or time.time() < later:
            assert time.monotonic() < deadline, "the emulator did not finish"
            time.sleep(0.05)
        self._create()

    def _create(self) -> None:
        self._client.create_stream(StreamName=self.name, ShardCount=1)
        self._wait_until_active()

    def _summary(self) -> Any:
        return self._client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]

    def _wait_until_active(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while self._summary()["StreamStatus"] != "ACTIVE":
            assert time.monotonic() < deadline, "the emulator did not finish"
            time.sleep(0.05)


@pytest.fixture(
    params=[
        "memory",
        pytest.param("kinesis_client", marks=pytest.mark.integration),
        pytest.param("kinesalite_client", marks=pytest.mark.integration),
    ]
)
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    """Yield a stream of one shard."""
    if request.param == "memory":
        yield MemorySource()
    else:
        yield EmulatorSource(request.getfixturevalue(request.param))


def read(source: Source, checkpoint: Checkpoint, enough: Callable[[Page], bool], limit: int = 100) -> list[Page]:
    """Read pages until one is enough."""
    pages: list[Page] = []
    iterator: str | None = source.reader.iterator(source.name, checkpoint)
    deadline = time.monotonic() + DEADLINE_S
    while iterator is not None and time.monotonic() < deadline:
        page = source.reader.page(source.name, iterator, limit)
        pages.append(page)
        if enough(page):
            break
        iterator = page.next_iterator
    return pages


def shard(source: Source) -> str:
    """Return the first shard's id."""
    return source.reader.shards(source.name)[0].shard_id


def test_a_shard_is_read_from_its_oldest_record_without_a_checkpoint(source: Source) -> None:
    """Records come in order, with their own bytes."""
    payloads = [b"1", b"\x00\xff", b"3"]
    sequence_numbers = [source.put(data) for data in payloads]
    (page,) = read(source, Checkpoint(shard(source)), lambda page: bool(page.records))
    assert [record.data for record in page.records] == payloads
    assert [record.sequence_number for record in page.records] == sequence_numbers
    assert all(record.arrived_at.tzinfo is not None for record in page.records)


def test_reading_starts_right_behind_the_checkpoint(source: Source) -> None:
    """The checkpoint's own record is not read again."""
    sequence_numbers = [source.put(b"%d" % number) for number in range(3)]
    checkpoint = Checkpoint(shard(source), sequence_number=sequence_numbers[1])
    (page,) = read(source, checkpoint, lambda page: bool(page.records))
    assert [record.data for record in page.records] == [b"2"]


def test_reading_can_start_at_a_named_record(source: Source) -> None:
    """The named record is the first one that is read."""
    sequence_numbers = [source.put(b"%d" % number) for number in range(3)]
    checkpoint = Checkpoint(shard(source), start_sequence_number=sequence_numbers[1])
    (page,) = read(source, checkpoint, lambda page: bool(page.records))
    assert [record.data for record in page.records] == [b"1", b"2"]


def test_a_page_holds_no_more_than_its_limit_and_the_next_goes_on(source: Source) -> None:
    """The next iterator stands right behind the page."""
    for number in range(5):
        source.put(b"%d" % number)
    seen = 0

    def all_seen(page: Page) -> bool:
        nonlocal seen
        seen += len(page.records)
        return seen == 5

    pages = read(source, Checkpoint(shard(source)), all_seen, limit=2)
    assert max(len(page.records) for page in pages) == 2
    assert [record.data for page in pages for record in page.records] == [b"0", b"1", b"2", b"3", b"4"]


def test_the_tip_of_an_open_shard_is_an_empty_page_without_lag(source: Source) -> None:
    """Being caught up is told by the lag, not by the end of iterators."""
    sequence_number = source.put(b"1")
    checkpoint = Checkpoint(shard(source), sequence_number=sequence_number)
    page = read(source, checkpoint, lambda page: page.behind_s == 0)[-1]
    assert (page.records, page.behind_s) == ((), 0)
    assert page.next_iterator is not None


def test_a_closed_shard_ends_and_names_its_children(source: Source) -> None:
    """Behind the last record of a closed shard there is no iterator, and its children know their parent."""
    source.put(b"last")
    parent = shard(source)
    source.split()
    pages = read(source, Checkpoint(parent), lambda page: page.next_iterator is None)
    assert [record.data for page in pages for record in page.records] == [b"last"]
    assert pages[-1].next_iterator is None
    children = [one.parent_shard_ids for one in source.reader.shards(source.name) if one.shard_id != parent]
    assert children == [(parent,), (parent,)]


def test_an_unknown_stream_is_a_configuration_error(source: Source) -> None:
    """A wrong name is no reason to retry."""
    with pytest.raises(ConfigurationError, match="no-such-stream"):
        source.reader.shards("no-such-stream")


def test_a_stream_says_how_long_it_keeps_records(source: Source) -> None:
    """What nobody has changed is a day."""
    assert source.reader.retention(source.name) == timedelta(hours=24)


def test_a_shard_starts_before_its_records(source: Source) -> None:
    """By its starting sequence number a shard is told from another of its name, with and without records."""
    (before,) = source.reader.shards(source.name)
    sequence_number = source.put(b"1")
    (after,) = source.reader.shards(source.name)
    assert before == after
    assert int(before.starting_sequence_number) < int(sequence_number)


def test_a_stream_that_was_made_anew_does_not_know_the_old_one(source: Source) -> None:
    """Its shards start behind all that was before, and a checkpoint of the old ones is refused, not read on."""
    sequence_number = source.put(b"old")
    source.recreate()
    source.put(b"new")
    (again,) = source.reader.shards(source.name)
    assert int(sequence_number) < int(again.starting_sequence_number)
    with pytest.raises(UnknownSequenceError, match=sequence_number):
        source.reader.iterator(source.name, Checkpoint(again.shard_id, sequence_number=sequence_number))


def test_an_unknown_stream_or_shard_is_not_an_unknown_sequence_number(source: Source) -> None:
    """Whoever reads on at a shard's beginning must know that the shard is there."""
    checkpoint = Checkpoint(shard(source), sequence_number=source.put(b"1"))
    with pytest.raises(ConfigurationError):
        source.reader.iterator("no-such-stream", checkpoint)
    with pytest.raises(ConfigurationError):
        source.reader.iterator(source.name, Checkpoint("shardId-000000000099", sequence_number="1" * 56))


def test_a_stream_without_a_shard_is_one_that_is_being_made() -> None:
    """No list of shards is no reason to give all of them up for gone."""

    class Empty:
        meta = _endpoint = Mock()

        def list_shards(self, **arguments: str) -> dict[str, list[Any]]:
            return {"Shards": []}

    with pytest.raises(TransientError, match="names no shard"):
        BotoStreamReader(Empty()).shards("logs")  # type: ignore[arg-type]


class TestTheTwinsRetention:
    """What only time does to a real stream: the twin forgets as Kinesis does."""

    now = datetime(2026, 3, 1, tzinfo=UTC)

    def test_reading_goes_on_in_silence_at_the_oldest_record_that_is_left(self) -> None:
        """A checkpoint before the trim horizon is neither refused nor told."""
        stream = InMemoryStream("logs")
        shard_id = stream.shards("logs")[0].shard_id
        first = stream.put(shard_id, b"drained", self.now)
        iterator = stream.iterator("logs", Checkpoint(shard_id, sequence_number=first))
        stream.put(shard_id, b"trimmed", self.now)
        stream.put(shard_id, b"kept", self.now + timedelta(hours=2))
        stream.trim(self.now + timedelta(hours=25))
        again = stream.iterator("logs", Checkpoint(shard_id, sequence_number=first))
        pages = [stream.page("logs", one, 10) for one in (iterator, again)]
        assert [[record.data for record in page.records] for page in pages] == [[b"kept"], [b"kept"]]
        assert [page.behind_s for page in pages] == [0, 0]

    def test_a_closed_shard_leaves_the_list_when_its_last_record_could_have_gone(self) -> None:
        """Until then it is listed, empty or not."""
        stream = InMemoryStream("logs")
        shard_id = stream.shards("logs")[0].shard_id
        stream.put(shard_id, b"1", self.now)
        children = stream.split(shard_id)
        stream.trim(self.now + timedelta(hours=24))
        assert len(stream.shards("logs")) == 3
        stream.trim(self.now + timedelta(hours=25))
        assert [one.shard_id for one in stream.shards("logs")] == [*children]
