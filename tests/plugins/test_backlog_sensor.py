"""The backlog sensor in its three modes: in the triggerer, poking and rescheduling."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from cali.sensors.kinesis_backlog import KinesisBacklogSensor
from include.records import utc_now
from tests.plugins.conftest import Servers

HOUR_S = 3600


def sensor(**arguments: Any) -> KinesisBacklogSensor:
    """Return the sensor outside a DAG."""
    return KinesisBacklogSensor(task_id="wait", stream="logs", **({"timeout": HOUR_S} | arguments))


def context(waited_s: float = 0) -> Any:
    """Return the context of a task that began so long ago."""
    began = utc_now() - timedelta(seconds=waited_s)
    return {"ti": SimpleNamespace(start_date=began, get_first_reschedule_date=lambda _: began)}


@pytest.mark.integration
def test_a_backlog_is_seen_at_once_in_every_mode(servers: Servers) -> None:
    """With records waiting, nobody defers, sleeps or is rescheduled."""
    servers.register()
    servers.put(b"1")
    modes: list[dict[str, Any]] = [{}, {"deferrable": False}, {"deferrable": False, "mode": "reschedule"}]
    for mode in modes:
        sensor(**mode).execute(context())


@pytest.mark.integration
def test_without_a_backlog_it_defers_for_the_rest_of_its_timeout(servers: Servers) -> None:
    """It waits in the triggerer, without a slot, exactly as long as it may."""
    servers.register()
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute(context())
    path, arguments = deferred.value.trigger.serialize()
    assert path == "cali.triggers.kinesis_backlog.KinesisBacklogTrigger"
    assert arguments["idle_s"] == pytest.approx(HOUR_S, abs=60)
    assert (arguments["kinesis_stream"], deferred.value.method_name) == (servers.kinesis_stream, "answer")


@pytest.mark.integration
def test_without_a_backlog_it_is_rescheduled(servers: Servers) -> None:
    """`mode="reschedule"` gives its slot back between two looks."""
    servers.register()
    with pytest.raises(AirflowRescheduleException):
        sensor(deferrable=False, mode="reschedule").execute(context())


@pytest.mark.integration
def test_without_a_backlog_poking_times_out(servers: Servers) -> None:
    """`mode="poke"` looks until its timeout is over."""
    servers.register()
    with pytest.raises(AirflowSensorTimeout):
        sensor(deferrable=False, timeout=0.1, poke_interval=0.01).execute(context())


@pytest.mark.parametrize("reason", ["backlog", "shard_end", "shards_changed", "unknown_sequence"])
def test_the_doorbells_word_is_taken(reason: str) -> None:
    """What the trigger saw is not looked at again."""
    sensor().answer(context(), {"reason": reason})


@pytest.mark.integration
@pytest.mark.parametrize("reason", ["idle", "trouble", "unfinished"])
def test_a_doorbell_that_saw_nothing_is_followed_by_another_wait(servers: Servers, reason: str) -> None:
    """Where the trigger saw no backlog, the sensor looks itself and waits for what is left of its time."""
    servers.register()
    with pytest.raises(TaskDeferred) as deferred:
        sensor().answer(context(waited_s=HOUR_S - 600), {"reason": reason})
    arguments = deferred.value.trigger.serialize()[1]
    assert arguments["idle_s"] == pytest.approx(600, abs=60)
    assert arguments["forgotten_work"] is False


@pytest.mark.integration
def test_a_doorbell_that_saw_nothing_is_followed_by_a_look(servers: Servers) -> None:
    """A record that came at the last moment is not missed, even when the time is over."""
    servers.register()
    servers.put(b"1")
    sensor().answer(context(waited_s=HOUR_S + 1), {"reason": "idle"})


@pytest.mark.integration
def test_a_deferred_wait_ends_with_the_sensors_timeout(servers: Servers) -> None:
    """Waiting in the triggerer is no way around `timeout`."""
    servers.register()
    with pytest.raises(AirflowSensorTimeout, match="3600"):
        sensor().answer(context(waited_s=HOUR_S + 1), {"reason": "idle"})


@pytest.mark.integration
def test_a_soft_failing_sensor_is_skipped_at_its_timeout(servers: Servers) -> None:
    """`soft_fail` holds for a deferred wait as well."""
    servers.register()
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).resume_execution("answer", {"event": {"reason": "idle"}}, context(HOUR_S + 1))
