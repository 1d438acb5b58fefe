"""`make demo`: the main job on the embedded stack, watched live and proved at its end.

Exit codes: 0 when nothing was lost or doubled, every batch adds up and an alert reached Slack; 1 when not, or when the
stack did not start; 130 when it was broken off before the end could be proved; 129 when its terminal went away and
143 when it was told to end: then it stops what it started, and proves nothing.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType

import psycopg
from rich.console import Console

from include.adapters.object_store import S3ObjectStore
from include.errors import CaliError, ConfigurationError
from include.proof.summary import StreamSummary, ledger_counts, summarize
from include.records import utc_now
from include.simulator.journal import read
from local import processes
from local.demo_view import LiveView, results
from local.environment import cali_postgres_uri, object_store, process_environment
from local.servers.aws import client
from local.settings import BUCKET, ROOT, Settings
from local.stack import down, is_up, up, where_to_look

LOOK_S = 1.0
CATCH_UP_S = 90.0
"""How long the end of a demo waits for the last records to be drained, processed and told."""
SIMULATOR_STOP_S = 20.0

OPTIONS: Mapping[str, str] = {
    "RATE": "100",
    "ERROR_RATE": "0.3",
    "FRAUD_RATE": "",
    "MALFORMED_RATE": "0.01",
    "SEED": "",
    "DURATION": "",
    "SPIKE_AFTER": "",
    "SPIKE_SECONDS": "",
    "SPIKE_FACTOR": "",
}
"""The variables that go to the simulator as options, with the demo's defaults.

``<STREAM>_<OPTION>`` holds for one stream: ``TRANSACTIONS_RATE=2000``.
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: its stack, its streams' journals, and when it began."""

    settings: Settings
    journals: Mapping[str, Path]
    began: datetime

    @property
    def output(self) -> Path:
        """Where the results go."""
        return self.settings.run_dir / "demo.json"


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Run the demo and return its exit code."""
    console = Console()
    # Whoever has started the stack stops it: a demo on a stack that was up leaves it up.
    ours = False
    with handling((signal.SIGTERM, signal.SIGHUP), _leave):
        try:
            ours = not is_up(environment)
            settings = up(console.print, with_pace(environment))
            console.print(where_to_look(settings))
            return run(settings, console, environment)
        except (CaliError, psycopg.OperationalError) as error:
            console.print(str(error), style="red", markup=False)
            return 1
        except KeyboardInterrupt:
            console.print("broken off before the end could be proved")
            return 130
        finally:
            if ours:
                stop_stack(console, environment)


def stop_stack(console: Console, environment: Mapping[str, str]) -> None:
    """Stop the stack, come what may: neither a terminal that is gone nor a second Ctrl-C leaves it running."""

    def say(line: str) -> None:
        with suppress(OSError):
            console.print(line)

    with handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN):
        down(say, environment)


@contextmanager
def handling(
    numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], object] | signal.Handlers
) -> Iterator[None]:
    """Handle signals in this way until the block ends."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _leave(number: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + number)


def with_pace(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the demo's own default pace; a variable that is empty counts as not set."""
    return {**environment, "PACE": environment.get("PACE") or "low_latency"}


def run(settings: Settings, console: Console, environment: Mapping[str, str]) -> int:
    """Simulate, watch and prove on a stack that is up; return the exit code."""
    journals = {stream: settings.run_dir / "journal" / f"{stream}.ndjson" for stream in settings.streams}
    demo = Demo(settings, journals, utc_now())
    with psycopg.connect(cali_postgres_uri(settings), autocommit=True) as connection:
        view = LiveView(console, connection, journals)
        with simulators(demo, environment) as started:
            watch(view, lambda: any(simulator.poll() is None for simulator in started))
        console.print("the simulator has stopped; waiting for the last records")
        watch(view, lambda: not caught_up(connection, view), CATCH_UP_S)
        summaries = prove(demo, connection)
    ok = all(summary.ok for summary in summaries.values())
    streams = {stream: summary.to_json() for stream, summary in summaries.items()}
    demo.output.write_text(json.dumps({"ok": ok, "streams": streams}, indent=2))
    console.print(results(summaries))
    console.print(f"written to {demo.output}")
    return 0 if ok else 1


@contextmanager
def simulators(demo: Demo, environment: Mapping[str, str]) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run one simulator for each stream; at the end each has finished the call in flight and its journal."""
    variables = process_environment(demo.settings, environment) | processes.mark(demo.settings.run_dir, "simulator")
    started: list[subprocess.Popen[bytes]] = []
    with (demo.settings.run_dir / "log" / "simulator.log").open("ab") as log:
        try:
            for stream, journal in demo.journals.items():
                command = [*_simulator_command(environment, stream), "--stream", stream, "--journal", str(journal)]
                # In a process group of its own, so that Ctrl-C reaches the demo alone, which tells it once.
                started.append(
                    subprocess.Popen(command, env=variables, cwd=ROOT, stdout=log, stderr=log, process_group=0)
                )
            yield started
        finally:
            _stop(started)
    for simulator in started:
        # Told to stop in its very last moments, when its handlers are gone already, it ends by the signal itself.
        if simulator.returncode not in {0, -signal.SIGTERM}:
            raise ConfigurationError(f"The simulator ended with {simulator.returncode}; see {log.name}")


def watch(view: LiveView, goes_on: Callable[[], bool], seconds: float | None = None) -> None:
    """Show what happens until ``goes_on`` says no, ``seconds`` have passed, or Ctrl-C."""
    give_up = time.monotonic() + (float("inf") if seconds is None else seconds)
    with view:
        try:
            while goes_on() and time.monotonic() < give_up:
                view.refresh()
                time.sleep(LOOK_S)
        except KeyboardInterrupt:
            if seconds is not None:
                raise
        view.refresh()


def caught_up(connection: psycopg.Connection, view: LiveView) -> bool:
    """Return whether everything put is drained, processed and told for the first time."""
    return all(
        counts["drained"] >= view.produced(stream) and not counts["open_stages"] and not counts["openings_waiting"]
        for stream in view.journals
        for counts in [ledger_counts(connection, stream)]
    )


def prove(demo: Demo, connection: psycopg.Connection) -> dict[str, StreamSummary]:
    """Compare each stream's journal with S3, and sum it up."""
    external = demo.settings.external
    endpoint = external.s3 or object_store(demo.settings).address
    store = S3ObjectStore(client("s3", endpoint, demo.settings.credentials), BUCKET)
    return {
        stream: summarize(connection, store, stream, read(journal) if journal.exists() else (), demo.began)
        for stream, journal in demo.journals.items()
    }


def _simulator_command(environment: Mapping[str, str], stream: str) -> Sequence[str]:
    def asked(name: str) -> str:
        return environment.get(f"{stream.upper()}_{name}") or environment.get(name) or ""

    given = {name: asked(name) or default for name, default in OPTIONS.items()}
    options = [
        part for name, value in given.items() if value for part in (f"--{name.lower().replace('_', '-')}", value)
    ]
    spike = [] if asked("SPIKE") in {"", "0"} else ["--spike"]
    return [sys.executable, "-m", "include.simulator", *options, *spike]


def _stop(simulators: Sequence["subprocess.Popen[bytes]"]) -> None:
    for simulator in simulators:
        simulator.terminate()
    for simulator in simulators:
        try:
            simulator.wait(SIMULATOR_STOP_S)
        except subprocess.TimeoutExpired:
            simulator.kill()
            simulator.wait()


if __name__ == "__main__":
    sys.exit(main())
