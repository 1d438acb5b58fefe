"""What the latency benchmark makes of a record's way, and the probes that it puts."""

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from include.alerts.fingerprint import fingerprint
from include.records import utc_now
from include.streams.logs import to_alert
from include.streams.logs.model import LogEvent
from tests.benchmarks.journeys import SEGMENTS, Ways, spread
from tests.benchmarks.probes import names, probe_event
from tests.benchmarks.stacked import WIDTH, bars, svg

BATCH = {
    "batch_id": "b",
    "shard_id": "s",
    "first_sequence_number": "10",
    "last_sequence_number": "20",
    "run_id": "run",
    "drained_at": 2.0,
    "validated_at": 3.0,
    "alerted_at": 4.0,
    "audited_at": 6.0,
    "claimed_by": {"validate": "later/validate", "alert": "later/alert"},
}
OPENING = {"shard_id": "s", "sequence_number": "15", "sent_at": 5.0}
TASKS = [
    {"run_id": "run", "task_id": "drain", "queued_at": 1.5},
    {"run_id": "later", "task_id": "validate", "queued_at": 2.25},
    {"run_id": "later", "task_id": "alert", "queued_at": 3.25},
]


def test_a_way_is_cut_where_its_tasks_were_queued_and_its_stages_ended() -> None:
    """Every segment is there, in order, and together they are the whole time."""
    way = Ways([BATCH], [OPENING], TASKS).of("s", "15", 1.0)
    assert way is not None
    assert (way.drained_at, way.audited_at, way.sent_at) == (2.0, 6.0, 5.0)
    assert dict(zip(SEGMENTS, way.segments, strict=True)) == {
        "ring and schedule": 0.5,
        "drain": 0.5,
        "schedule process": 0.25,
        "validate": 0.75,
        "schedule alert": 0.25,
        "alert": 0.75,
        "send": 1.0,
    }


@pytest.mark.parametrize(("shard", "number"), [("s", "9"), ("s", "21"), ("other", "15")])
def test_a_record_that_no_batch_holds_has_no_way(shard: str, number: str) -> None:
    """Numbers are compared as numbers, within their shard."""
    assert Ways([BATCH], [OPENING], TASKS).of(shard, number, 1.0) is None


@given(st.lists(st.floats(0, 10), min_size=3, max_size=3), st.floats(0, 10))
def test_segments_are_never_below_zero_and_add_up(queued: list[float], put_at: float) -> None:
    """Tasks that were queued for an earlier batch change where the cuts are, not the sum."""
    tasks = [task | {"queued_at": at} for task, at in zip(TASKS, queued, strict=True)]
    way = Ways(
        [BATCH | {"drained_at": 8.0, "validated_at": 11.0, "alerted_at": 12.0}], [OPENING | {"sent_at": 20.0}], tasks
    )
    segments = way.of("s", "15", put_at).segments  # type: ignore[union-attr]
    assert min(segments) >= 0
    assert sum(segments) == pytest.approx(20.0 - put_at)


def test_a_spread_is_told_with_how_many_it_is_of() -> None:
    """Quantiles are interpolated; of nothing there is nothing to tell."""
    assert spread([float(second) for second in range(1, 102)]) == {
        "p50": 51.0, "p95": 96.0, "p99": 100.0, "max": 101.0, "of": 101
    }  # fmt: skip
    assert spread([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0, "max": 3.0, "of": 1}
    assert spread([]) == {}


def test_every_probe_is_a_sound_event_of_a_group_of_its_own() -> None:
    """It opens a group by itself, so that its message's time is its own."""
    probes = [probe_event(name, utc_now()) for name in islice(names(random.Random(1)), 50)]
    rows = [TypeAdapter(LogEvent).validate_json(probe).model_dump() for probe in probes]
    lineage = {"_shard_id": "s", "_sequence_number": "1", "_sub_sequence": 0, "_arrived_at": utc_now()}
    assert len({fingerprint(to_alert(row | lineage)).value for row in rows}) == 50


def test_bars_are_drawn_to_one_scale() -> None:
    """The longest bar fills the width, half of it is half as wide; both are in the picture."""
    data = {"long": {"a": 1.0, "b": 1.0}, "short": {"a": 0.5, "b": 0.5}, "none": {}}
    first, _, second, _ = bars(data).splitlines()
    assert [sum(line.count(fill) for fill in "█▓") for line in (first, second)] == [WIDTH, WIDTH / 2]
    assert svg(data, "<title>").count("<rect") == 1 + 4 + 2
