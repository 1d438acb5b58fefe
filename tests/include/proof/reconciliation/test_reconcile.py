"""What a reconciliation leaves behind: a report in three places, one alert a kind, and a red end."""

import json

import pytest

from include.alerts.group import AlertGroup
from include.errors import DifferenceError, TransientError
from include.keys import Room
from include.proof.reconciliation.report import MOST_EXAMPLES, Findings, to_text
from include.proof.reconciliation.values import Difference, Kind
from tests.include.proof.reconciliation.world import DAY, FIRST, World, filled_world

KEY = "quality/reconcile/stream=logs/dt=2026-03-01/manual__2026-03-02T00_00_00_00_00.json"
RUN = "manual__2026-03-02T00:00:00+00:00"


@pytest.fixture
def world() -> World:
    """Return a processed world."""
    return filled_world()


def spoil(world: World, count: int = 1) -> None:
    """Remove raw objects."""
    for key in world.keys(Room.RAW)[:count]:
        world.objects.delete(key)


def test_an_equal_stream_is_written_down_and_nobody_is_told(world: World) -> None:
    """The row and the object say the same, and the table is in the log."""
    result = world.reconcile(RUN)
    assert world.store.saved == {("logs", RUN): result}
    assert (result.state, result.differences, result.report_key) == ("equal", 0, KEY)
    assert (result.batches, result.records, result.stream_records) == (5, 15, 15)
    assert json.loads(world.objects.get(KEY)) == json.loads(json.dumps(result.report))
    assert world.alerts.messages() == []


def test_a_difference_is_written_down_told_and_raised(world: World) -> None:
    """The error says what, how often and where the report lies; a retry would change nothing."""
    spoil(world)
    with pytest.raises(DifferenceError, match=rf"logs: 4 differences \(lost 3, object_missing 1\).*{KEY}") as raised:
        world.reconcile(RUN)
    assert raised.value.permanent
    assert world.store.saved["logs", RUN].state == "different"
    assert set(json.loads(world.objects.get(KEY))["kinds"]) == {"lost", "object_missing"}
    titles = [group.title for group in world.alerts.groups()]
    assert sorted(titles) == ["reconciliation failed: lost", "reconciliation failed: object_missing"]
    assert len(world.alerts.messages()) == 2


def counts(groups: list[AlertGroup]) -> dict[str, int]:
    """Return the groups' counts by the kind that they tell of."""
    return {group.title.rpartition(" ")[2]: group.count for group in groups}


def test_the_same_run_again_tells_nothing_twice_and_what_is_new(world: World) -> None:
    """A retried or cleared task replaces its report; only a kind that it had not told of is told."""
    world.objects.delete(world.keys(Room.DLQ)[0])
    for _ in range(2):
        with pytest.raises(DifferenceError):
            world.reconcile(RUN)
    assert counts(world.alerts.groups()) == {"object_missing": 1}
    spoil(world)
    with pytest.raises(DifferenceError):
        world.reconcile(RUN)
    assert counts(world.alerts.groups()) == {"object_missing": 1, "lost": 1}
    with pytest.raises(DifferenceError):
        world.reconcile("another run")
    assert counts(world.alerts.groups()) == {"object_missing": 2, "lost": 2}
    assert len(world.store.saved) == 2


def test_what_was_mended_is_equal_in_the_next_report(world: World) -> None:
    """A cleared task looks again."""
    key = world.keys(Room.RAW)[0]
    data = world.objects.objects.pop(key)
    with pytest.raises(DifferenceError):
        world.reconcile(RUN)
    world.objects.put(key, data)
    assert world.reconcile(RUN).state == "equal"
    assert world.store.saved["logs", RUN].state == "equal"


def test_a_report_that_cannot_be_written_is_no_verdict(world: World) -> None:
    """With S3 away nothing is told; the retry does it."""

    def refuse(key: str, *_: object) -> None:
        raise TransientError(f"{key} did not answer")

    spoil(world)
    world.objects.put = refuse  # type: ignore[method-assign,assignment]
    with pytest.raises(TransientError):
        world.reconcile(RUN)
    assert (world.store.saved, world.alerts.groups()) == ({}, [])


def test_an_alert_names_where_to_look(world: World) -> None:
    """The message has the count, the meaning and the first objects."""
    keys = world.keys(Room.RAW)
    spoil(world, 5)
    with pytest.raises(DifferenceError):
        world.reconcile(RUN)
    (sample,) = [group.sample for group in world.alerts.groups() if group.title.endswith("object_missing")]
    assert "5 times an object that the ledger names is not there" in sample
    assert sum(key in sample for key in keys) == 3


def test_a_report_spells_out_some_and_counts_all() -> None:
    """However much differs, the report stays readable and its memory bounded."""
    found = Findings()
    found.add(Difference(Kind.LOST, FIRST, str(number), "gone", count=2) for number in range(1000))
    assert (found.differences, len(found.examples[Kind.LOST])) == (2000, MOST_EXAMPLES)
    assert len(json.dumps(found.to_json())) < 10_000


def test_the_table_is_aligned(world: World) -> None:
    """Every line of the table has its figure in the same column."""
    found = world.examine()
    found.unprovable.add(4, DAY.start, DAY.end)
    found.undrained_from = DAY.end
    lines = to_text("logs", DAY, found).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].endswith("EQUAL")
    assert "not provable by the stream any more, 2026-03-01T00:00:00+00:00 to 2026-03-02T00:00:00+00:00" in "".join(
        lines
    )
