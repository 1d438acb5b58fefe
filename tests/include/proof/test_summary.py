"""What a stream's summary says, and when it may say that all is well."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.adapters.slack_memory import InMemoryMessenger
from include.alerts.dispatch import dispatch
from include.alerts.settings import AlertSettings
from include.alerts.store import PostgresAlertStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.payloads.mode import Payloads
from include.drain.read_shard import ShardSource
from include.ledger.postgres import PostgresLedger
from include.process.alert_stage import alert_pending
from include.process.audit_stage import QualityDesk, audit_pending
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.proof.summary import Latency, StreamSummary, latency, ledger_counts, summarize
from include.records import utc_now
from include.redrive.judge import Rules
from include.redrive.postgres import PostgresRedriveStore
from include.redrive.redrive import RedriveOrder, RedriveSite, redrive
from include.redrive.store import Selection
from include.simulator.journal import JournalEntry
from include.streams.logs.model import LogEvent

SHARD = "shardId-000000000000"
URL = "http://127.0.0.1:8080/dags/logs_process/runs/manual"
SOUND = StreamSummary(
    produced=10,
    drained=10,
    valid=9,
    dead_lettered=1,
    alertable=4,
    filtered=5,
    lost=0,
    duplicated=0,
    misjudged=0,
    unjournaled=0,
    unconserved=0,
    batches=2,
    published=1,
    quarantined=1,
    quality_runs=2,
    alert_groups=3,
    slack_messages=3,
    malformed_produced=1,
    alert_latency_s=Latency(1.0, 2.0, 3.0),
)


def test_a_sound_stream_is_ok() -> None:
    """Nothing lost, doubled or misjudged, everything adds up, and an alert reached Slack."""
    assert SOUND.ok


@pytest.mark.parametrize(
    "changes",
    [
        {"lost": 1},
        {"duplicated": 1},
        {"misjudged": 1},
        {"unconserved": 1},
        {"table_lost": 1},
        {"table_duplicated": 1},
        {"slack_messages": 0},
        {"drained": 11},
        {"valid": 8},
        {"dead_lettered": 0},
        {"alertable": 3},
        {"filtered": 0},
        {"published": 0},
        {"batches": 3},
    ],
    ids=str,
)
def test_each_flaw_alone_is_enough_to_be_not_ok(changes: dict[str, int]) -> None:
    """A batch that waits for a stage, at whichever, is a flaw like a lost record."""
    assert not replace(SOUND, **changes).ok  # type: ignore[arg-type]


def test_records_of_a_producer_that_was_killed_are_no_flaw() -> None:
    """What is on S3 and not in the journal was not lost: its producer died before it wrote the line."""
    assert replace(SOUND, unjournaled=5).ok
    assert not replace(SOUND, unpublished=5).ok
    assert replace(SOUND, unpublished=5, quarantined_records=5).ok


def test_the_summary_is_json() -> None:
    """Every figure is under its own name."""
    written = json.loads(json.dumps(replace(SOUND, wrong=("lost x",)).to_json()))
    assert written["alert_latency_s"] == {"p50": 1.0, "p95": 2.0, "max": 3.0}
    assert (written["produced"], written["wrong"]) == (10, ["lost x"])


@pytest.mark.parametrize(
    ("delays", "expected"),
    [
        ([], Latency(None, None, None)),
        ([2.0006], Latency(2.001, 2.001, 2.001)),
        ([1.0, 3.0], Latency(2.0, 2.9, 3.0)),
        ([float(number) for number in range(101)], Latency(50.0, 95.0, 100.0)),
        ([3.0, 1.0, 2.0], Latency(2.0, 2.9, 3.0)),
    ],
)
def test_percentiles_are_those_of_the_measured_delays(delays: list[float], expected: Latency) -> None:
    """Interpolated between the nearest two, inclusive of the extremes, whatever the order."""
    assert latency(delays) == expected


@given(st.lists(st.floats(0, 10_000), min_size=1))
def test_percentiles_are_in_order_and_within_the_delays(delays: list[float]) -> None:
    """The median is not above the 95th percentile, that not above the maximum."""
    found = latency(delays)
    assert found.p50 is not None
    assert found.p95 is not None
    assert found.max == round(max(delays), 3)
    assert round(min(delays), 3) <= found.p50 <= found.p95 <= found.max


def event(number: int, level: str, service: str = "cart") -> bytes:
    """Return a sound log event of now."""
    fields = {
        "event_id": f"7d1f2c1e-0d5c-4a57-9a3e-{number:012d}",
        "timestamp": utc_now().isoformat(),
        "level": level,
        "service": service,
        "message": "the basket is full",
        "log_content": f"{level} the basket is full",
        "pod": "cart-1",
        "version": "1.0",
    }
    return json.dumps(fields).encode()


class World:
    """A stream and a bucket in memory over real tables, and the journal of what was put."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.stream = InMemoryStream("logs")
        self.store = InMemoryObjectStore()
        self.ledger = PostgresLedger(connection)
        self.alerts = PostgresAlertStore(connection)
        self.settings = AlertSettings()
        self.began = utc_now()
        self.journal: list[JournalEntry] = []

    def put(self, data: bytes, kind: str = "valid", put_at: float | None = None) -> None:
        arrived = utc_now()
        place = self.stream.put(SHARD, data, arrived)
        digest = sha256(data).hexdigest()
        put_at = arrived.timestamp() if put_at is None else put_at
        self.journal.append(JournalEntry(SHARD, place, digest, None, kind, False, None, put_at))

    def drain(self) -> None:
        source = ShardSource("logs", "logs", self.stream, utc_now, lambda _: None)
        drain(source, self.store, self.ledger, DrainRequest("run", BufferHints()))

    def process(self) -> None:
        place = Workplace(streams.get("logs"), self.store, self.ledger, "run", utc_now)
        validate_pending(place)
        alert_pending(place, self.alerts, self.settings, URL)
        audit_pending(place, QualityDesk(self.alerts, self.settings, URL))

    def redrive(self) -> None:
        rules = Rules(streams.get("logs"), Payloads.AUTO)
        store = PostgresRedriveStore(self.connection)
        site = RedriveSite(rules, self.store, store, utc_now, lambda _: None, lambda: False)
        redrive(site, RedriveOrder("redrive", Selection("logs"), False, 1e6, 3))

    def tell(self) -> None:
        dispatch(self.alerts, InMemoryMessenger(utc_now), self.settings, 5.0, wait_for_updates=False)

    def summary(self, since: datetime | None = None) -> StreamSummary:
        return summarize(self.connection, self.store, "logs", self.journal, since or self.began)


@pytest.fixture
def world(migrated_uri: str) -> Iterator[World]:
    """Yield an empty world."""
    with closing(psycopg.connect(migrated_uri, autocommit=True)) as connection:
        yield World(connection)


@pytest.mark.integration
def test_a_finished_stream_is_summed_up_and_proved(world: World) -> None:
    """Journal, objects and ledger agree, and the alert's delay runs from its record's put."""
    world.put(event(1, "INFO"))
    world.put(event(2, "ERROR"), put_at=world.began.timestamp() - 100)
    world.put(b"rubbish", kind="malformed")
    world.drain()
    world.process()
    world.tell()
    summary = world.summary()
    assert summary.ok, summary
    assert (summary.produced, summary.drained, summary.valid, summary.dead_lettered) == (3, 3, 2, 1)
    assert (summary.alertable, summary.filtered, summary.malformed_produced) == (1, 1, 1)
    assert (summary.batches, summary.published, summary.alert_groups, summary.slack_messages) == (1, 1, 1, 1)
    assert summary.alert_latency_s.p50 == pytest.approx(100, abs=30)


@pytest.mark.integration
def test_a_stream_that_was_never_used_is_empty_and_not_ok(world: World) -> None:
    """Zeros, no latency, and no claim that an alert reached anybody."""
    summary = world.summary()
    assert (summary.produced, summary.drained, summary.batches, summary.ok) == (0, 0, 0, False)
    assert summary.alert_latency_s == Latency(None, None, None)


@pytest.mark.integration
def test_what_waits_is_not_proved(world: World) -> None:
    """Drained and not processed is neither lost for good nor well."""
    world.put(event(1, "ERROR"))
    world.drain()
    counts = ledger_counts(world.connection, "logs")
    assert (counts["drained"], counts["open_stages"], counts["openings_waiting"]) == (1, 1, 0)
    assert not world.summary().ok


@pytest.mark.integration
def test_a_message_that_waits_is_counted_as_waiting(world: World) -> None:
    """An opening message in the outbox has reached nobody."""
    world.put(event(1, "ERROR"))
    world.drain()
    world.process()
    counts = ledger_counts(world.connection, "logs")
    assert (counts["open_stages"], counts["openings_waiting"], counts["slack_messages"]) == (0, 1, 0)
    assert not world.summary().ok


@pytest.mark.integration
def test_what_a_storm_held_back_is_neither_waiting_nor_slow(world: World) -> None:
    """Its summary told of it at once; that its own message came minutes later is no delay."""
    for number in range(world.settings.storm_groups + 1):
        world.put(event(number, "ERROR", f"service-{'abcdefghijklmnopqrstuvwxyz'[number]}"))
    world.drain()
    world.process()
    counts = ledger_counts(world.connection, "logs")
    assert (counts["alert_groups"], counts["openings_waiting"]) == (world.settings.storm_groups + 1, 0)
    world.connection.execute("update cali.alert_groups set held_by = null, held_why = null, held_since = null")
    assert ledger_counts(world.connection, "logs")["openings_waiting"] == world.settings.storm_groups + 1
    world.tell()
    assert world.summary().slack_messages > 0
    assert world.summary().alert_latency_s == Latency(None, None, None)


@pytest.mark.integration
def test_a_lost_object_is_found_although_the_ledger_is_whole(world: World) -> None:
    """The proof asks the journal and the objects, not the ledger."""
    world.put(event(1, "ERROR"))
    world.drain()
    world.process()
    world.tell()
    (staged,) = world.store.keys("staged/")
    world.store.delete(staged)
    summary = world.summary()
    assert (summary.lost, summary.unconserved, summary.ok) == (1, 0, False)
    assert summary.wrong[0].startswith("lost ")


@pytest.mark.integration
def test_latencies_are_of_the_messages_since_the_given_time(world: World) -> None:
    """An earlier demo's messages do not colour this one's figures."""
    world.put(event(1, "ERROR"))
    world.drain()
    world.process()
    world.tell()
    assert world.summary(datetime.now(UTC) + timedelta(hours=1)).alert_latency_s == Latency(None, None, None)
    assert world.summary().alert_latency_s.max is not None


@pytest.mark.integration
def test_a_put_without_an_answer_is_no_claim(world: World) -> None:
    """A journal line without a place may or may not be on the stream: it is not counted as produced."""
    world.put(event(1, "ERROR"))
    world.journal.append(JournalEntry(None, None, "0" * 64, None, "valid", False, None, 0.0, uncertain=True))
    assert world.summary().produced == 1


@pytest.mark.integration
def test_a_replay_changes_no_figure(world: World) -> None:
    """Another generation's batches are neither drained twice, nor doubled, nor open work of the live stream."""
    world.put(event(1, "ERROR"))
    world.put(b"rubbish", kind="malformed")
    world.drain()
    world.process()
    world.tell()
    before = world.summary()
    live, world.ledger = world.ledger, world.ledger.for_generation(1)
    world.drain()
    assert ledger_counts(world.connection, "logs")["open_stages"] == 0
    world.ledger = live
    world.process()
    assert world.connection.execute("select count(*) from cali.micro_batches").fetchone() == (2,)
    assert len(list(world.store.keys("replay/generation=1/clean/stream=logs/"))) == 1
    assert world.summary() == before
    assert before.ok


class Looser(LogEvent):
    """The model once it takes every service's name."""

    service: str


@pytest.mark.integration
def test_a_redrive_has_a_figure_of_its_own_and_changes_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was drained, valid and dead stays so; the old record's alert is told, and no delay is made of it."""
    world.put(event(1, "ERROR"))
    world.put(event(2, "ERROR", service="Cart_2"), kind="malformed", put_at=world.began.timestamp() - 1000)
    world.drain()
    world.process()
    world.tell()
    before = world.summary()
    loose = replace(streams.get("logs"), model=Looser)
    monkeypatch.setattr(streams, "get", lambda _: loose)
    world.redrive()
    world.process()
    world.tell()
    told = {"alert_groups": 2, "slack_messages": 2}
    assert world.summary() == replace(before, redriven=1, batches=2, published=2, quality_runs=2, **told)
    assert (before.ok, world.summary().ok) == (True, True)
