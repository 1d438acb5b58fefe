"""All readers of a stream keep the Protocol's promises."""

import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

from include.adapters.kinesis import BotoStreamReader, StreamReader
from include.adapters.kinesis_memory import InMemoryStream
from include.errors import ConfigurationError
from include.records import Checkpoint, Page

DEADLINE_S = 20


class Source(Protocol):
    """A stream of one shard that a test writes to."""

    name: str
    reader: StreamReader

    def put(self, data: bytes) -> str: ...

    def split(self) -> None: ...


class MemorySource:
    """The in-memory twin."""

    def __init__(self) -> None:
        self.name = "logs"
        self.reader = self._stream = InMemoryStream("logs")

    def put(self, data: bytes) -> str:
        return self._stream.put(self._stream.shards("logs")[0].shard_id, data, datetime.now(UTC))

    def split(self) -> None:
        self._stream.split(self._stream.shards("logs")[0].shard_id)


class EmulatorSource:
    """A stream of its own on an emulator."""

    def __init__(self, client: Any) -> None:
        self.name = f"test-{secrets.token_hex(4)}"
        self._client = client
        self.reader = BotoStreamReader(client)
        client.create_stream(StreamName=self.name, ShardCount=1)
        self._wait_until_active()

    def put(self, data: bytes) -> str:
        return self._client.put_record(StreamName=self.name, Data=data, PartitionKey="key")["SequenceNumber"]

    def split(self) -> None:
        shard = self.reader.shards(self.name)[0].shard_id
        self._client.split_shard(StreamName=self.name, ShardToSplit=shard, NewStartingHashKey=str(2**127))
        self._wait_until_active()

    def _wait_until_active(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while (
            self._client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]["StreamStatus"]
            != "ACTIVE"
        ):
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
