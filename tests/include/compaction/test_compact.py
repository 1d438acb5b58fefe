"""Whatever arrives when, and whenever a run dies: readers see each published record at most once, or exactly once."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.adapters.object_store import InMemoryObjectStore
from include.compaction.compact import Press, closed_hours, compact
from include.compaction.contract import Kind
from include.compaction.memory import InMemoryCompactions
from include.errors import CaliError, ConservationError
from include.keys import HOUR, compacted_key
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet, to_parquet
from tests.include.compaction.publishing import Publisher

START = datetime(2026, 3, 28, 22, tzinfo=UTC)
SETTLE = timedelta(minutes=15)


class World:
    """A ledger, a store and a clock; compaction can be killed before or after its put."""

    def __init__(self) -> None:
        self.now = START + timedelta(hours=6)
        self.store = InMemoryObjectStore(lambda: self.now)
        ledger = InMemoryLedger()
        self.compactions = InMemoryCompactions(ledger)
        self.publisher = Publisher(ledger, self.store)

    @property
    def press(self) -> Press:
        return Press("logs", self.store, self.compactions, SETTLE, lambda: self.now)

    def publish(self, hour: int, records: int = 2) -> str:
        return self.publisher.publish(START + HOUR * hour, records)

    def run(self, fate: str) -> None:
        """Run a compaction that may be killed before its put, or between the put and the commit."""
        put = self.store.put_file

        def killed(key: str, path: Path) -> None:
            if fate != "dies before its put":
                put(key, path)
            if fate != "ends well":
                raise KeyboardInterrupt

        self.store.put_file = killed  # type: ignore[method-assign]
        with suppress(KeyboardInterrupt):
            compact(self.press)
        self.store.put_file = put  # type: ignore[method-assign]

    def age(self, hour: int) -> None:
        """Seal a compacted hour and remove the small objects that it was made from, as housekeeping does."""
        written = self.compactions.compaction("logs", START + HOUR * hour)
        if written is None or written.sealed_at is not None or not self.compactions.seal(written, self.now):
            return
        for batch in self.compactions.batches("logs", written.hour):
            self.store.delete(batch.clean_key)

    def read(self, keys: list[str]) -> Counter[int]:
        """Return how often each record stands in these objects."""
        return Counter(
            number for key in keys for number in from_parquet(self.store.get(key)).column("number").to_pylist()
        )

    def compacted(self) -> Counter[int]:
        return self.read(list(self.store.keys("compacted/")))

    def listed(self) -> Counter[int]:
        return self.read([entry.object_key for entry in self.compactions.clean_objects("logs")])


@pytest.fixture
def world() -> World:
    """Return an empty world."""
    return World()


STEPS = st.one_of(
    st.tuples(st.just("publish"), st.integers(0, 1)),
    st.tuples(st.just("run"), st.sampled_from(["dies before its put", "dies after its put", "ends well"])),
    st.tuples(st.just("age"), st.integers(0, 1)),
)


@settings(max_examples=150, deadline=None)
@example([("publish", 0), ("run", "ends well"), ("publish", 0), ("run", "dies after its put")])
@example([("publish", 0), ("run", "ends well"), ("age", 0), ("publish", 0), ("run", "dies after its put")])
@given(st.lists(STEPS, max_size=14))
def test_each_published_record_is_read_once_whatever_happens(steps: list[tuple[str, int | str]]) -> None:
    """In `compacted/**` at most once, by the reading list exactly once; after a last run both exactly once."""
    world = World()
    for name, value in steps:
        getattr(world, name)(value)
        assert max(world.compacted().values(), default=1) == 1
        assert world.listed() == Counter(world.publisher.published)
    compact(world.press)
    assert world.compacted() == world.listed() == Counter(world.publisher.published)


def test_a_closed_hour_becomes_one_object(world: World) -> None:
    """Its rows stand in the order of their sequence numbers, and the report says what was done."""
    for _ in range(12):
        world.publish(0)
    report = compact(world.press)
    assert (report.hours, report.batches, report.records) == ([START], 12, 24)
    (key,) = world.store.keys("compacted/")
    assert key == "compacted/stream=logs/dt=2026-03-28/hh=22/logs-2026-03-28-22.parquet"
    assert from_parquet(world.store.get(key)).column("number").to_pylist() == world.publisher.published


def test_the_small_objects_stay(world: World) -> None:
    """`clean/` is as complete as before."""
    world.publish(0)
    before = list(world.store.keys("clean/"))
    compact(world.press)
    assert list(world.store.keys("clean/")) == before


@pytest.mark.parametrize(("minutes", "compacted"), [(74, 0), (75, 1)])
def test_an_hour_is_left_alone_until_it_has_settled(world: World, minutes: int, compacted: int) -> None:
    """Its end must lie the settle time back."""
    world.publish(0)
    world.now = START + timedelta(minutes=minutes)
    assert len(compact(world.press).hours) == compacted


def test_a_run_without_work_writes_nothing(world: World) -> None:
    """An hour that is covered is not written again."""
    world.publish(0)
    compact(world.press)
    assert compact(world.press).hours == []


def test_a_late_batch_brings_its_hour_back(world: World) -> None:
    """The same key is replaced; other hours are left alone."""
    world.publish(0)
    world.publish(1)
    compact(world.press)
    world.publish(0)
    assert compact(world.press).hours == [START]
    assert len(list(world.store.keys("compacted/"))) == 2
    assert world.compacted() == Counter(world.publisher.published)


def test_a_batch_late_for_a_sealed_hour_lies_beside_its_object(world: World) -> None:
    """The hour's object cannot be made again from small objects that are gone."""
    world.publish(0)
    compact(world.press)
    world.age(0)
    late = world.publish(0)
    assert compact(world.press).late == 1
    assert compact(world.press).late == 0
    kinds = {entry.kind: entry.object_key for entry in world.compactions.clean_objects("logs")}
    assert kinds[Kind.LATE] == f"compacted/stream=logs/dt=2026-03-28/hh=22/{late}.parquet"
    assert world.listed() == Counter(world.publisher.published)


def test_an_object_that_a_dead_run_replaced_is_written_again(world: World) -> None:
    """A size that is not the recorded one says that the object is another than the ledger's."""
    world.publish(0)
    compact(world.press)
    key = compacted_key("logs", START)
    sound = world.store.objects[key]
    world.store.objects[key] = b"another run's"
    assert compact(world.press).hours == [START]
    assert world.store.objects[key] == sound


def test_an_object_that_does_not_hold_what_the_ledger_says_stops_its_hour_alone(world: World) -> None:
    """Nothing is put or recorded for that hour, the others are done."""
    bad = world.publish(0)
    world.publish(1)
    key = f"clean/stream=logs/dt=2026-03-28/hh=22/{bad}.parquet"
    world.store.put(key, to_parquet(from_parquet(world.store.get(key)).slice(1)))
    with pytest.raises(ConservationError, match=rf"{bad}\.parquet holds 1 records, the ledger says 2"):
        compact(world.press)
    assert list(world.store.keys("compacted/")) == [compacted_key("logs", START + HOUR)]
    assert world.compactions.compaction("logs", START) is None


def test_an_unreadable_object_stops_its_hour_alone(world: World) -> None:
    """The error is one of CALI's."""
    bad = world.publish(0)
    world.publish(1)
    world.store.put(f"clean/stream=logs/dt=2026-03-28/hh=22/{bad}.parquet", b"rubbish")
    with pytest.raises(CaliError, match="compact: "):
        compact(world.press)
    assert len(list(world.store.keys("compacted/"))) == 1


def test_an_hour_that_another_run_holds_is_left_to_it(world: World) -> None:
    """Two compactions at once are harmless."""
    world.publish(0)
    world.compactions.taken_elsewhere.add(START)
    report = compact(world.press)
    assert (report.hours, report.left_to_others) == ([], 1)
    assert list(world.store.keys("compacted/")) == []


def test_hours_that_were_asked_for_are_compacted_again(world: World) -> None:
    """A form's range means every closed hour in it, covered or not."""
    for hour in range(3):
        world.publish(hour)
    compact(world.press)
    hours = closed_hours(world.press, START + timedelta(minutes=30), START + HOUR * 2)
    assert compact(world.press, hours).hours == [START, START + HOUR]
    assert closed_hours(world.press, START, world.now + HOUR * 9) == [START, START + HOUR, START + HOUR * 2]
