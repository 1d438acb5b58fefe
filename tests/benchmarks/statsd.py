"""What Airflow tells StatsD, as a benchmark hears it: a UDP socket on loopback in place of a StatsD server."""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from local.servers.server import LOOPBACK

PREFIX = "airflow."
LONGEST = 65_536
LOOP = "scheduler.scheduler_loop_duration"
HEARTBEAT = "scheduler.executor_heartbeat_duration"
"""The part of a loop in which our executor rests."""


class Metric(NamedTuple):
    """One figure: a timer's in milliseconds, a counter's step, or a gauge's value."""

    name: str
    value: float


@dataclass
class Ear:
    """What was heard since it was last emptied, in the order of hearing."""

    port: int
    heard: list[Metric] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew."""
        self.heard.clear()

    @property
    def variables(self) -> dict[str, str]:
        """What makes an Airflow tell its metrics to this ear."""
        settings = {"statsd_on": "True", "statsd_host": LOOPBACK, "statsd_port": str(self.port)}
        return {f"AIRFLOW__METRICS__{name.upper()}": value for name, value in settings.items()}


@contextmanager
def listening() -> Iterator[Ear]:
    """Listen on a free port for a ``with`` block."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((LOOPBACK, 0))
        udp.settimeout(0.2)
        ear, ended = Ear(udp.getsockname()[1]), threading.Event()
        thread = threading.Thread(target=_listen, args=(udp, ear, ended), name="statsd", daemon=True)
        thread.start()
        yield ear
        ended.set()
        thread.join()


def parsed(message: str) -> Iterator[Metric]:
    """Yield the metrics of a datagram, ``name:value|type`` a line; what is none is left out."""
    for line in message.splitlines():
        name, _, rest = line.partition(":")
        try:
            yield Metric(name.removeprefix(PREFIX), float(rest.partition("|")[0]))
        except ValueError:
            continue


def turns_ms(heard: Iterable[Metric]) -> list[float]:
    """Return what each turn of the scheduler's loop took without its executor's heartbeat, in which it also rests."""
    turns, heartbeat = [], 0.0
    for metric in heard:
        if metric.name.startswith(HEARTBEAT):
            heartbeat += metric.value
        elif metric.name == LOOP:
            turns.append(metric.value - heartbeat)
            heartbeat = 0.0
    return turns


def _listen(udp: socket.socket, ear: Ear, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            message = udp.recv(LONGEST)
        except TimeoutError:
            continue
        ear.heard.extend(parsed(message.decode(errors="replace")))
