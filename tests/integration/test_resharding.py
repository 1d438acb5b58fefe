"""Shards that are split and merged, while nobody drains and while somebody does: each record once, in its order."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from include.adapters.kinesis import BotoStreamReader, StreamReader
from include.records import Checkpoint, Page
from tests.real_stream import RealStream

pytestmark = pytest.mark.integration

Step = Callable[[RealStream], None]


def split(number: int) -> Step:
    """Return the step that splits the n-th open shard."""
    return lambda world: world.split(world.open_shards()[number])


def merge(number: int) -> Step:
    """Return the step that merges the n-th open shard with its neighbour."""
    return lambda world: world.merge(*world.open_shards()[number : number + 2])


CHAINS = {
    "merge": (2, [merge(0)]),
    "split, merge": (1, [split(0), merge(0)]),
    "merge, split, split, merge": (2, [merge(0), split(0), split(1), merge(0)]),
}


@pytest.fixture(params=["kinesis_client", "kinesalite_client"])
def make(request: pytest.FixtureRequest, s3_client: Any, migrated_uri: str) -> Iterator[Callable[[int], RealStream]]:
    """Yield a maker of a stream of so many shards, on each emulator."""
    kinesis = request.getfixturevalue(request.param)
    made: list[RealStream] = []
    with closing(psycopg.connect(migrated_uri, autocommit=True)) as connection:

        def new(shards: int) -> RealStream:
            made.append(RealStream(kinesis, s3_client, connection, shards))
            return made[-1]

        yield new
    for world in made:
        world.close()


@pytest.mark.parametrize("chain", CHAINS)
def test_shards_that_changed_while_nobody_drained_are_read_whole(
    make: Callable[[int], RealStream], chain: str, request: pytest.FixtureRequest
) -> None:
    """Protects against a shard without a checkpoint that begins at its end, and against a child before its parent.

    Each generation of shards is read to its end, then the next; on a Kinesis that tells a shard's end at once, by the
    first run after the stop.
    """
    shards, steps = CHAINS[chain]
    world = make(shards)
    world.put()
    world.drain()
    world.put()
    for step in steps:
        step(world)
        world.put()
    runs = world.drain_to_the_tip()
    world.prove()
    world.prove_shards()
    assert runs == 1 or "kinesalite" in request.node.name


@pytest.mark.parametrize("chain", ["split, merge", "merge, split, split, merge"])
def test_shards_that_change_between_small_bites_are_read_whole(make: Callable[[int], RealStream], chain: str) -> None:
    """Protects against a closed parent that is left half drained: its children wait, however many runs it takes."""
    shards, steps = CHAINS[chain]
    world = make(shards)
    world.put()
    for step in steps:
        world.drain(max_records=5)
        step(world)
        world.put()
    world.drain_to_the_tip(max_records=5)
    world.prove()
    world.prove_shards()


def test_the_number_of_lanes_follows_the_number_of_shards(make: Callable[[int], RealStream]) -> None:
    """What is split is read side by side from the next run on, what is merged by one."""
    world = make(1)
    lanes: list[int] = []
    for step in (split(0), split(0), merge(0), merge(0)):
        world.put()
        world.drain_to_the_tip()
        lanes.append(len(world.lanes()))
        step(world)
    world.drain_to_the_tip()
    lanes.append(len(world.lanes()))
    assert lanes == [1, 2, 3, 2, 1]
    world.prove()


def test_shards_without_a_record_end_and_let_their_children_through(make: Callable[[int], RealStream]) -> None:
    """Protects against an empty shard that is taken for one that has not begun: it is closed without a batch."""
    world = make(1)
    world.drain()
    world.split(world.open_shards()[0])
    world.merge(*world.open_shards())
    world.put()
    world.drain_to_the_tip()
    assert len(world.ledger.checkpoints("logs")) - len(world.open_shards()) == 3
    world.prove()
    world.prove_shards()


def test_a_shard_that_is_split_while_it_is_read_is_drained_to_its_end(make: Callable[[int], RealStream]) -> None:
    """Between two pages of one run the shard closes and its children fill: no record of either is passed over."""
    world = make(1)
    world.put()
    world.reader = Meanwhile(world.reader, lambda: (world.put(), world.split(world.open_shards()[0]), world.put()))
    world.drain_to_the_tip(max_records=5)
    world.prove()
    world.prove_shards()


class Meanwhile(BotoStreamReader):
    """A reader on whose first page something happens, before it is handed on."""

    def __init__(self, inner: StreamReader, happening: Callable[[], object]) -> None:
        self._inner = inner
        self._happening = happening
        self._once = threading.Lock()

    def shards(self, stream: str) -> list[Any]:
        return self._inner.shards(stream)

    def iterator(self, stream: str, checkpoint: Checkpoint) -> str:
        return self._inner.iterator(stream, checkpoint)

    def page(self, stream: str, iterator: str, limit: int) -> Page:
        page = self._inner.page(stream, iterator, limit)
        if self._once.acquire(blocking=False):
            self._happening()
        return page
