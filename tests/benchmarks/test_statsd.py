"""The benchmark hears what Airflow tells StatsD, and takes the rest out of the scheduler's turns."""

import socket

from local.servers.server import LOOPBACK
from tests.benchmarks.statsd import HEARTBEAT, LOOP, Ear, Metric, listening, parsed, turns_ms
from tests.eventually import eventually


def test_a_datagram_holds_a_metric_a_line() -> None:
    """Timers, counters and gauges are told alike; what is none of them is no figure."""
    message = (
        "airflow.scheduler.scheduler_loop_duration:12.5|ms\nairflow.ti.finish:1|c\nairflow.triggers.running:2|g\n?"
    )
    expected = [Metric(LOOP, 12.5), Metric("ti.finish", 1.0), Metric("triggers.running", 2.0)]
    assert expected == list(parsed(message))


def test_a_turn_is_told_without_its_rest() -> None:
    """Our executor rests within its heartbeat, which the loop's own timer includes."""
    heard = [Metric(HEARTBEAT, 950.0), Metric(LOOP, 990.0), Metric("ti.finish", 1.0), Metric(HEARTBEAT, 3.0)]
    assert [40.0, 17.0] == turns_ms([*heard, Metric(LOOP, 20.0)])


def test_what_is_sent_is_heard_until_it_is_forgotten() -> None:
    """The ear listens where its variables send Airflow."""
    with listening() as ear, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as airflow:
        assert ear.variables["AIRFLOW__METRICS__STATSD_PORT"] == str(ear.port)
        airflow.sendto(b"airflow.triggers.running.here:1|g", (LOOPBACK, ear.port))
        eventually(lambda: ear.heard, 10, lambda: ear)
        assert [Metric("triggers.running.here", 1.0)] == ear.heard
        ear.forget()
    assert Ear(ear.port) == ear
