"""The stages behind the drain: nothing is half published, and one batch's trouble is its own."""

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.alerts.fingerprint import Fingerprint
from include.alerts.former import message_value
from include.alerts.settings import AlertSettings
from include.alerts.store_memory import InMemoryAlertStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.errors import CaliError, TransientError
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet
from include.process.alert_stage import alert_pending
from include.process.audit_stage import QualityDesk, audit_pending
from include.process.validate_stage import validate_pending
from include.process.work import LEASE, StageReport, Workplace
from tests.alert_events import increments

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "http://127.0.0.1:8080/dags/logs_process/runs/manual"
SHARD = "shardId-000000000000"
MASS = 25
"""Rows that share an event id: more than the suite lets pass."""


class FaultyStore(InMemoryObjectStore):
    """A bucket that refuses the keys it is told to, as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = ""
        self.error: type[CaliError] = TransientError

    def put(self, key: str, data: bytes, content_type: str = "") -> None:
        if self.refused and self.refused in key:
            raise self.error(f"{key} did not answer")
        super().put(key, data, content_type)

    def get(self, key: str) -> bytes:
        if self.refused and self.refused in key:
            raise self.error(f"{key} did not answer")
        return super().get(key)


class World:
    """A drained stream in memory, and the three stages over it."""

    def __init__(self) -> None:
        self.now = NOW
        self.stream = InMemoryStream("logs")
        self.store = FaultyStore()
        self.ledger = InMemoryLedger()
        self.alerts = InMemoryAlertStore()
        self.settings = AlertSettings()

    def drain(self, *payloads: bytes, generation: int = 0) -> None:
        for payload in payloads:
            self.stream.put(SHARD, payload, self.now)
        source = ShardSource("logs", "logs", self.stream, lambda: self.now, lambda _: None)
        drain(source, self.store, self.ledger.for_generation(generation), DrainRequest("run", BufferHints()))

    def place(self, owner: str = "run") -> Workplace:
        return Workplace(streams.get("logs"), self.store, self.ledger, owner, lambda: self.now)

    def validate(self) -> StageReport:
        return validate_pending(self.place())

    def alert(self) -> StageReport:
        return alert_pending(self.place(), self.alerts, self.settings, URL)

    def audit(self) -> StageReport:
        return audit_pending(self.place(), QualityDesk(self.alerts, self.settings, URL))

    def keys(self, room: str) -> list[str]:
        return list(self.store.keys(f"{room}/" if room else ""))


def event(number: int, level: str = "INFO", **changes: object) -> bytes:
    """Return a valid log event."""
    fields = {
        "event_id": f"7d1f2c1e-0d5c-4a57-9a3e-{number:012d}",
        "timestamp": NOW.isoformat(),
        "level": level,
        "service": "cart",
        "message": "the basket is full",
        "log_content": f"{level} the basket is full",
        "pod": "cart-1",
        "version": "1.0",
    }
    return json.dumps(fields | changes).encode()


@pytest.fixture
def world() -> World:
    """Return an empty world."""
    return World()


def test_a_batch_goes_from_raw_to_clean(world: World) -> None:
    """Good records are published, bad ones dead-lettered, and the counts add up."""
    world.drain(event(1), event(2, "ERROR"), b"rubbish")
    assert world.validate().counts == {"records": 3, "valid": 2, "dead_lettered": 1}
    assert world.alert().counts == {"alertable": 1, "filtered": 1}
    assert world.audit().counts == {"published": 1, "quarantined": 0}
    assert world.ledger.unfinished("logs", NOW + LEASE * 2) == 0
    (clean,) = world.keys("clean")
    assert from_parquet(world.store.get(clean)).num_rows == 2
    (dlq,) = world.keys("dlq")
    assert from_parquet(world.store.get(dlq)).column("data").to_pylist() == [b"rubbish"]


def test_stages_find_nothing_twice(world: World) -> None:
    """A doubled or false asset event costs a look and changes nothing."""
    world.drain(event(1, "ERROR"))
    for _ in range(2):
        world.validate()
        world.alert()
        world.audit()
    assert [group.count for group in world.alerts.groups()] == [1]
    assert len(world.keys("clean")) == 1


def test_a_lost_asset_event_is_made_good_by_the_next_run(world: World) -> None:
    """Two drained batches are both validated by one run."""
    world.drain(event(1))
    world.drain(event(2))
    assert len(world.validate().batches) == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["put", "drain", "validate", "alert", "late clock"]), max_size=20))
def test_bells_that_are_lost_merged_or_doubled_neither_lose_nor_double_a_record(bells: list[str]) -> None:
    """Whichever bells ring, in whatever order and number: after one last round each record was read and told once."""
    world, put = World(), 0
    for bell in [*bells, "late clock", "drain", "validate", "alert"]:
        if bell == "put":
            put += 1
            world.stream.put(SHARD, event(put, "ERROR"), world.now)
        elif bell == "late clock":
            world.now += LEASE
        else:
            {"drain": world.drain, "validate": world.validate, "alert": world.alert}[bell]()
    staged = [from_parquet(world.store.get(key)) for key in world.keys("staged")]
    ids = [value for table in staged for value in table.column("event_id").to_pylist()]
    assert sorted(ids) == [json.loads(event(number + 1))["event_id"] for number in range(put)]
    assert sum(group.count for group in world.alerts.groups()) == put


def test_a_wrong_clock_costs_its_own_record_and_moves_nothing(world: World) -> None:
    """Events from the future, from 1970, from last week, in another zone and in none, in one batch.

    The other zone is the same instant. Partitions and a group's time span are those of the arrival, whatever
    a producer's clock says.
    """
    tokyo = timezone(timedelta(hours=9))
    times = {
        "now": NOW.isoformat(),
        "in another zone": NOW.astimezone(tokyo).isoformat(),
        "six days late": (NOW - timedelta(days=6)).isoformat(),
        "from the future": (NOW + timedelta(hours=2)).isoformat(),
        "from the far future": "2999-01-01T00:00:00Z",
        "from 1970": "1970-01-01T00:00:00Z",
        "in no zone": NOW.replace(tzinfo=None).isoformat(),
        "no time": "",
    }
    payloads = {name: event(number, "ERROR", timestamp=text) for number, (name, text) in enumerate(times.items())}
    world.drain(*payloads.values())
    world.validate()
    (staged_key,), (dlq_key,) = world.keys("staged"), world.keys("dlq")
    assert {key.partition("/dt=")[2][:16] for key in (staged_key, dlq_key)} == {"2026-03-01/hh=12"}
    staged = from_parquet(world.store.get(staged_key)).column("timestamp").to_pylist()
    assert staged == [NOW, NOW, NOW - timedelta(days=6)]
    dead = from_parquet(world.store.get(dlq_key)).column("data").to_pylist()
    assert dead == [payloads[name] for name in list(times)[3:]]
    world.alert()
    (group,) = world.alerts.groups()
    assert (group.count, group.first_seen, group.last_seen) == (3, NOW, NOW)


def test_a_batch_that_fails_its_suite_is_quarantined_and_told(world: World) -> None:
    """It stays in staged/, nothing appears in clean/, and one quality alert goes out."""
    world.drain(*[event(1)] * MASS)
    world.validate()
    assert world.audit().counts == {"published": 0, "quarantined": 1}
    assert (len(world.keys("staged")), world.keys("clean")) == (1, [])
    (group,) = world.alerts.groups()
    assert "expect_column_values_to_be_unique(event_id)" in group.title
    assert len(world.keys("quality")) == 1


def test_an_incident_is_not_silenced_by_a_quality_problem(world: World) -> None:
    """A quarantined batch's errors are alerted all the same."""
    world.drain(*[event(1, "ERROR")] * MASS)
    world.validate()
    world.audit()
    assert world.alert().counts == {"alertable": MASS, "filtered": 0}
    assert {group.count for group in world.alerts.groups()} == {1, MASS}


@pytest.mark.parametrize(
    ("room", "stage"),
    [
        ("raw/", World.validate),
        ("staged/", World.validate),
        ("dlq/", World.validate),
        ("staged/", World.alert),
        ("staged/", World.audit),
        ("quality/", World.audit),
    ],
)
def test_an_outage_of_s3_is_an_error_first_and_no_loss_afterwards(
    world: World, room: str, stage: Callable[[World], StageReport]
) -> None:
    """The stage raises while S3 is away; after it the batch goes through once."""
    world.drain(event(1, "ERROR"), b"rubbish")
    if stage is not World.validate:
        world.validate()
    world.store.refused = room
    with pytest.raises(TransientError, match="did not answer"):
        stage(world)
    world.store.refused = ""
    world.now += timedelta(minutes=1)
    assert len(stage(world).batches) == 1
    if stage is World.validate:
        world.alert()
        world.audit()
        assert (len(world.keys("clean")), len(world.keys("dlq"))) == (1, 1)


def test_one_batchs_trouble_does_not_hold_up_the_others(world: World) -> None:
    """Of two batches the sound one is done before the error is raised."""
    world.drain(event(1))
    broken = world.keys("raw")[0]
    world.drain(event(2))
    world.store.objects[broken] = b"not parquet"
    with pytest.raises(CaliError, match="validate"):
        world.validate()
    assert len(world.keys("staged")) == 1


def test_a_failed_batch_rests_before_it_is_tried_again(world: World) -> None:
    """A batch that cannot be done does not spin."""
    world.drain(event(1))
    world.store.refused = "raw/"
    with pytest.raises(TransientError):
        world.validate()
    assert world.validate().batches == []


def test_a_batch_that_fails_in_its_drain_is_there_for_the_stages_own_run_at_once(world: World) -> None:
    """The first failure costs no rest, later ones do; and a drain takes no more batches than it was told to."""
    world.drain(event(1))
    world.drain(event(2))
    hands_on = replace(world.place(), most=1, hands_on=True)
    world.store.refused = "raw/"
    with pytest.raises(TransientError):
        validate_pending(hands_on)
    assert world.ledger.unfinished("logs", world.now) == 2
    for _ in ("the first once more", "the second", "the second once more"):
        with pytest.raises(TransientError):
            validate_pending(hands_on)
    assert world.ledger.unfinished("logs", world.now) == 0


@pytest.mark.parametrize("error", [TransientError, CaliError])
def test_however_often_it_failed_its_rest_is_bounded(world: World, error: type[CaliError]) -> None:
    """A server that comes back finds its work taken up within half a minute; a fault of a batch's own rests longer."""
    world.drain(event(1))
    world.store.refused, world.store.error = "raw/", error
    for _ in range(12):
        with pytest.raises(CaliError):
            world.validate()
        world.now += timedelta(minutes=5)
    world.store.refused = ""
    world.now += timedelta(seconds=30) - timedelta(minutes=5)
    assert (len(world.validate().batches) == 1) == (error is TransientError)


def test_a_killed_stage_is_done_once_by_the_next_run(world: World) -> None:
    """A run that died between its objects and its commit leaves no double."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    world.drain(event(1, "ERROR"), b"rubbish")
    commit, world.ledger.complete_validate = world.ledger.complete_validate, die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.validate()
    world.ledger.complete_validate = commit  # type: ignore[method-assign]
    world.now += LEASE
    assert len(validate_pending(world.place("another run")).batches) == 1
    assert (len(world.keys("staged")), len(world.keys("dlq"))) == (1, 1)


def test_a_staged_object_that_does_not_hold_what_the_ledger_says_is_not_published(world: World) -> None:
    """The audit checks the conservation law before it publishes."""
    world.drain(event(1), event(2))
    world.validate()
    world.drain(event(3))
    world.validate()
    first, second = world.keys("staged")
    world.store.objects[first] = world.store.objects[second] = min(
        world.store.objects[first], world.store.objects[second], key=lambda data: from_parquet(data).num_rows
    )
    with pytest.raises(CaliError, match="the ledger says 2"):
        world.audit()
    assert len(world.keys("clean")) == 1


def test_a_replays_batch_is_counted_and_nobody_is_told(world: World) -> None:
    """Its objects lie apart, its counts add up, and neither its errors nor its quarantine are alerts."""
    world.drain(*[event(1, "ERROR")] * MASS, event(2), b"rubbish", generation=1)
    assert world.validate().counts == {"records": MASS + 2, "valid": MASS + 1, "dead_lettered": 1}
    assert world.alert().counts == {"alertable": MASS, "filtered": 1}
    assert world.audit().counts == {"published": 0, "quarantined": 1}
    assert (world.alerts.groups(), world.alerts.messages()) == ([], [])
    rooms = {key.partition("/stream=")[0] for key in world.keys("")}
    assert rooms == {f"replay/generation=1/{room}" for room in ("raw", "staged", "dlq", "quality")}


def test_a_sound_replay_is_published_apart(world: World) -> None:
    """Who reads clean/ sees the live batch alone."""
    world.drain(event(1))
    world.drain(generation=1)
    world.validate()
    world.alert()
    assert world.audit().counts == {"published": 2, "quarantined": 0}
    (live,), (replay,) = world.keys("clean"), world.keys("replay/generation=1/clean")
    assert replay == f"replay/generation=1/{live.removesuffix('.parquet')}-r1.parquet"
    assert from_parquet(world.store.get(live), ["event_id"]) == from_parquet(world.store.get(replay), ["event_id"])


def test_an_upgrade_of_the_fingerprint_moves_no_open_group(world: World) -> None:
    """A batch that is alerted after the upgrade joins the group that the former version had opened."""
    value = message_value("cart", "ERROR", "the basket is full")
    [opened] = increments("the basket is full", service="cart")
    former = replace(opened, fingerprint=Fingerprint(value, 1, "the basket is full"))
    world.alerts.apply("before", [former], NOW, URL, world.settings)
    world.drain(event(1, "ERROR"))
    world.validate()
    world.alert()
    assert [(group.fingerprint, group.count) for group in world.alerts.groups()] == [(value, 2)]


def test_a_librarys_error_that_quotes_a_record_is_told_without_its_secret(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the task's error with all that Airflow prints of it, nor its log, nor the ledger has the secret."""

    def confused(*_: object, **__: object) -> None:
        raise ValueError("cannot convert password=hunter2 to a number")

    world.drain(event(1, "ERROR"))
    world.validate()
    monkeypatch.setattr("include.process.alert_stage.group_events", confused)
    with pytest.raises(CaliError, match=r"password=\*\*\*\*") as told:
        world.alert()
    printed = "".join(traceback.format_exception(told.value))
    assert [text for text in (printed, caplog.text, repr(world.ledger._tables)) if "hunter2" in text] == []
    assert "in confused" in caplog.text
