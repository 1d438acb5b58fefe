"""What every embedded server can say about itself, and how one is run without a supervisor."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from include.errors import TransientError

LOOPBACK = "127.0.0.1"
START_SECONDS = 240.0
POLL_SECONDS = 0.1


class Server(Protocol):
    """A server as a value: nothing runs until somebody starts its command."""

    @property
    def name(self) -> str:
        """The program's name in `make status` and in the log folder."""

    @property
    def command(self) -> tuple[str, ...]:
        """The program and its arguments; it stays in the foreground and holds no secret."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What the program needs on top of the inherited environment; may hold secrets."""

    @property
    def address(self) -> str:
        """Where clients find it, without a secret."""

    @property
    def stop_signal(self) -> signal.Signals:
        """The signal that ends it in good order."""

    @property
    def stop_seconds(self) -> int:
        """How long it may take to write its data before it is killed."""

    def prepare(self) -> None:
        """Lay out the files it needs before a start; safe to repeat, never touches existing data."""

    def problem(self) -> str | None:
        """Ask it one real question of its protocol; None when it answered, else what went wrong."""


def wait_until_healthy(
    server: Server,
    seconds: float = START_SECONDS,
    still_running: Callable[[], bool] = lambda: True,
) -> None:
    """Return as soon as the server answers.

    Args:
        server: whom to ask.
        seconds: how long to go on asking.
        still_running: False once there is nobody left to answer.

    Raises:
        TransientError: it did not answer in time or is no longer running.
    """
    deadline = time.monotonic() + seconds
    while (problem := server.problem()) is not None:
        if not still_running():
            raise TransientError(f"{server.name} ended before it answered at {server.address}; see its log")
        if time.monotonic() > deadline:
            raise TransientError(
                f"{server.name} did not answer at {server.address} within {seconds:.0f} s ({problem}); see its log"
            )
        time.sleep(POLL_SECONDS)


@contextmanager
def running(server: Server, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the length of a `with` block; its output is appended to `log`.

    Raises:
        TransientError: it did not answer in time; the log file says why.
    """
    server.prepare()
    with log.open("ab") as output:
        process = subprocess.Popen(
            server.command,
            env={**os.environ, **server.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_healthy(server, still_running=lambda: process.poll() is None)
            yield process
        finally:
            _stop(process, server)


def _stop(process: subprocess.Popen[bytes], server: Server) -> None:
    process.send_signal(server.stop_signal)
    try:
        process.wait(server.stop_seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
