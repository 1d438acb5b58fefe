"""Metrics reach whoever listens, by Airflow's own client, and never cost a task."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import DownstreamTasksSkipped
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils

from cali import metrics, stages
from cali.operators.kinesis_drain import KinesisDrainOperator
from include.drain.drain import DrainReport
from include.drain.raw_batch import raw_batch
from include.process.work import StageReport
from include.records import Gap, GapReason, StreamRecord
from tests.plugins.conftest import Servers

ARRIVED = datetime(2026, 3, 1, tzinfo=UTC)
SHARD = "shardId-000000000000"


class Listener:
    """A StatsD server: keeps the datagrams that arrive."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def received(self) -> list[str]:
        """Return every datagram that arrived; on loopback they are there once they are sent."""
        found = []
        self._socket.setblocking(False)
        while True:
            try:
                found.append(self._socket.recv(65536).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Yield a listener on a port of its own."""
    server = Listener()
    yield server
    server.close()


@pytest.fixture
def switched_on(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that switches StatsD on as a deployment does, and does what Airflow's task runner does then."""
    made: list[Any] = []

    def make() -> Any:
        made.append(stats_utils.get_stats_factory()())
        return made[-1]

    def switch(**options: str) -> None:
        settings = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(listener.port)} | options
        for name, value in settings.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
        stats.initialize(factory=make, export_legacy_names=False)

    yield switch
    for client in made:
        if hasattr(client, "statsd"):
            client.statsd.close()
    monkeypatch.undo()
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)


def report(behind_s: float = 0.0, records: int = 4) -> DrainReport:
    """Return a drain's report with one batch, whose records came one a second."""
    read = [
        StreamRecord(str(number), "key", ARRIVED + timedelta(seconds=number), b"12345") for number in range(records)
    ]
    return DrainReport(batches=[raw_batch("logs", SHARD, read)[0]], behind={SHARD: behind_s})


def test_a_drain_tells_its_gaps_by_their_reason(listener: Listener, switched_on: Callable[..., None]) -> None:
    """Lost records are a figure that an alarm can be set on, beside the message."""
    switched_on()
    gap = Gap("logs", SHARD, GapReason.RETENTION, None, None, ARRIVED)
    metrics.drained("logs", DrainReport(gaps=[gap]), 0.25)
    assert listener.received() == ["airflow.cali.gaps.logs.retention:1|c"]


def test_a_drain_tells_its_lag_and_its_batches(listener: Listener, switched_on: Callable[..., None]) -> None:
    """Plain StatsD has no tags, so stream and shard are parts of the name."""
    switched_on()
    metrics.drained("logs", report(), 0.25)
    assert listener.received() == [
        f"airflow.cali.shard.lag_seconds.logs.{SHARD}:0.0|g",
        f"airflow.cali.shard.lag_records.logs.{SHARD}:0|g",
        f"airflow.cali.batch.records.logs.{SHARD}:4|g",
        f"airflow.cali.batch.bytes.logs.{SHARD}:20|g",
        "airflow.cali.batches.drained.logs:1|c",
        "airflow.cali.records.drained.logs:4|c",
        "airflow.cali.bytes.drained.logs:20|c",
        "airflow.cali.stage.duration.logs.drain:250.000000|ms",
    ]


def test_with_tags_the_names_stay_short(listener: Listener, switched_on: Callable[..., None]) -> None:
    """A backend that takes tags gets stream and shard as such."""
    switched_on(STATSD_INFLUXDB_ENABLED="True")
    metrics.count("cali.gaps", 2, stream="logs", reason="retention")
    assert listener.received() == ["airflow.cali.gaps,stream=logs,reason=retention:2|c"]


def test_an_idle_shard_tells_that_it_has_caught_up(listener: Listener, switched_on: Callable[..., None]) -> None:
    """A lag does not stand at its last value when nothing comes any more."""
    switched_on()
    metrics.drained("logs", DrainReport(behind={SHARD: 0.0}), 0.1)
    assert listener.received() == [
        f"airflow.cali.shard.lag_seconds.logs.{SHARD}:0.0|g",
        f"airflow.cali.shard.lag_records.logs.{SHARD}:0|g",
    ]


def test_the_records_behind_are_estimated_from_the_batchs_own_rate() -> None:
    """Four records in three seconds, thirty seconds behind: about forty."""
    assert report(behind_s=30.0).records_behind(SHARD) == 40
    assert report(behind_s=30.0, records=1).records_behind(SHARD) == 30
    assert report(behind_s=0.0).records_behind(SHARD) == 0
    assert DrainReport(behind={SHARD: 30.0}).records_behind(SHARD) == 0


def test_a_stage_tells_what_became_of_its_records(listener: Listener, switched_on: Callable[..., None]) -> None:
    """Each count once, with its unit, and each reason of dead letters."""
    switched_on()
    done = StageReport()
    done.add("a", records=5, valid=3, dead_lettered=2)
    done.refuse("missing", 1)
    done.refuse("value_error.date", 1)
    assert metrics.worked("logs", "validate", lambda: done) is done
    duration, *told = listener.received()
    assert duration.startswith("airflow.cali.stage.duration.logs.validate:")
    assert told == [
        "airflow.cali.records.valid.logs:3|c",
        "airflow.cali.records.dead_lettered.logs:2|c",
        "airflow.cali.dead_letters.logs.missing:1|c",
        "airflow.cali.dead_letters.logs.value_error_date:1|c",
    ]


def test_a_stage_without_work_tells_nothing(listener: Listener, switched_on: Callable[..., None]) -> None:
    """Durations are those of work."""
    switched_on()
    metrics.worked("logs", "audit", StageReport)
    metrics.count("cali.gaps", 0, stream="logs")
    assert listener.received() == []


def test_nothing_is_sent_or_computed_while_metrics_are_off(
    listener: Listener, switched_on: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's default."""
    switched_on(STATSD_ON="False")
    monkeypatch.setattr(metrics, "_send", lambda *_, **__: pytest.fail("sent"))
    metrics.drained("logs", report(), 0.25)
    metrics.count("cali.gaps", 1, stream="logs")
    assert listener.received() == []


@pytest.mark.parametrize("error", [OSError("no route"), ValueError("bad name"), RuntimeError("no thread")])
def test_a_metric_that_cannot_be_sent_costs_no_task(
    switched_on: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """Whatever the client raises, the report comes back and the log says which metric it was."""
    switched_on()

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(stats, "timing", fail)
    done = StageReport(["a"])
    assert metrics.worked("logs", "audit", lambda: done) is done
    assert "metric not sent name=cali.stage.duration" in caplog.text


@pytest.mark.integration
def test_a_drained_and_validated_batch_is_heard_of(
    servers: Servers, listener: Listener, switched_on: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator and the step themselves tell it."""
    switched_on()
    task = {"run_id": "run", "ti": SimpleNamespace(task_id="step", xcom_push=lambda **_: None)}
    monkeypatch.setattr(stages, "get_current_context", lambda: task)
    servers.put(b"rubbish", b"more rubbish")
    KinesisDrainOperator(task_id="drain", stream="logs").execute({"run_id": "run"})  # type: ignore[typeddict-item]
    with pytest.raises(DownstreamTasksSkipped):
        stages.validate("logs")
    told = listener.received()
    assert "airflow.cali.records.drained.logs:2|c" in told
    assert "airflow.cali.records.dead_lettered.logs:2|c" in told
    assert sum(line.startswith("airflow.cali.dead_letters.logs.") for line in told) >= 1
    assert sum(line.startswith("airflow.cali.stage.duration.logs.") for line in told) == 2
