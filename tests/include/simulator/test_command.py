"""The command does what its options say and ends with the exit code that it documents."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include import streams
from include.errors import ConfigurationError
from include.simulator.command import main, run
from include.simulator.options import load_of, parse
from include.simulator.pacing import Load
from include.simulator.progress import Progress
from include.simulator.record import GeneratorOptions, SimulatedRecord
from include.simulator.registry import simulation
from include.stop import Stop, stop_on_signals

ROOT = Path(__file__).parents[3]
FIXED = ["--seed", "5", "--start-at", "2026-03-01T12:00:00+01:00"]


class SlowSink:
    """Takes records, and some time for it."""

    def __init__(self, clock: "Clock", seconds: float) -> None:
        self.taken: list[int] = []
        self._clock = clock
        self._seconds = seconds

    def put(self, records: Sequence[SimulatedRecord]) -> None:
        """Count the records while time passes."""
        self.taken.append(len(records))
        self._clock.now += self._seconds


class Clock:
    """A monotonic clock that goes forward when the run waits."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class FakeStop(Stop):
    """Waits by moving the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float) -> bool:
        """Let the time pass at once."""
        self._clock.now += max(0.0, seconds)
        return self.requested


def simulated(load: Load, sink_s: float = 0.0, duration: float | None = None, count: int | None = None) -> list[int]:
    """How many records each call of a run puts."""
    clock = Clock()
    sink = SlowSink(clock, sink_s)
    record = SimulatedRecord(b"{}", "key", "valid", alertable=False, scenario=None, event_id=None)
    progress = Progress(io.StringIO(), clock)
    with closing(FakeStop(clock)) as stop:
        run(lambda due: [record] * due, sink, load, stop, progress, duration, count, clock)
    return sink.taken


def test_a_run_of_some_seconds_puts_rate_times_seconds() -> None:
    """Five calls a second, each with its share."""
    taken = simulated(Load(100), duration=10)
    assert sum(taken) == 1_000
    assert 48 <= len(taken) <= 52


def test_a_run_of_some_records_puts_just_these() -> None:
    """The count ends the run within a tick."""
    assert sum(simulated(Load(1_000), count=1_234)) == 1_234


def test_a_sink_slower_than_the_rate_gets_larger_calls_within_twice_the_rate() -> None:
    """Latency of a call does not cost throughput."""
    taken = simulated(Load(1_000), sink_s=0.5, duration=20)
    assert sum(taken) >= 19_000
    assert max(taken) <= 1_000


def test_stdout_gets_one_json_record_a_line(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Standard output can be piped; what a person reads goes to standard error."""
    assert main(["--to", "stdout", "--count", "50", "--rate", "5000", *FIXED]) == 0
    out, err = capfdbinary.readouterr()
    dates = [datetime.fromisoformat(json.loads(line)["timestamp"]) for line in out.splitlines()]
    assert len(dates) == 50
    assert dates[0] == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert [round((later - dates[0]).total_seconds() * 5000) for later in dates] == list(range(50))
    assert b"done: put=50" in err


def test_a_run_with_a_seed_and_a_start_is_repeatable(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The same options give the same bytes, whatever the machine does meanwhile."""
    outputs = []
    for rate_of_machine in range(2):
        main(["--to", "stdout", "--count", "200", "--rate", "4000", "--malformed-rate", "0.1", *FIXED])
        outputs.append((rate_of_machine, capfdbinary.readouterr().out))
    assert outputs[0][1] == outputs[1][1]


def test_a_file_gets_log_lines_as_a_shipper_tails_them(tmp_path: Path) -> None:
    """Events start with a date, traces follow; a second run appends."""
    path = tmp_path / "app.log"
    arguments = ["--to", "file", "--file", str(path), "--count", "40", "--rate", "2000", *FIXED]
    assert [main(arguments), main(arguments)] == [0, 0]
    lines = path.read_text().splitlines()
    starts = [line for line in lines if line.startswith("2026-03-01T11:00:00")]
    assert len(starts) == 80
    assert len(lines) > 80 + 15
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rate", "0"],
        ["--rate", "inf"],
        ["--count", "0"],
        ["--error-rate", "1.1"],
        ["--error-rate", "nan"],
        ["--stream", "nobody"],
        ["--to", "file"],
        ["--to", "stdout", "--journal", "journal.ndjson"],
        ["--start-at", "2026-01-01"],
        ["--start-at", "soon"],
    ],
)
def test_wrong_options_end_with_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With a usage line, before anything is put."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_shares_above_the_whole_end_with_code_2() -> None:
    """Errors and warnings cannot be more than everything."""
    assert main(["--to", "stdout", "--error-rate", "0.8", "--warn-rate", "0.3"]) == 2


def test_kinesis_without_a_region_ends_with_code_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not with a traceback."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main(["--count", "1"]) == 2


def test_a_run_draws_its_own_seed() -> None:
    """Two runs of a demonstration do not repeat their event ids."""
    assert parse([]).seed != parse([]).seed


def test_a_spike_is_asked_for_by_name_and_shaped_by_options() -> None:
    """Without --spike its options mean nothing."""
    shape = ["--spike-after", "10", "--spike-factor", "5", "--spike-seconds", "30"]
    assert load_of(parse(shape)) == Load(100.0)
    assert load_of(parse(["--spike", *shape])) == Load(100.0, 5.0, 10.0, 30.0)
    assert load_of(parse(["--spike"])) == Load(100.0, 20.0, 60.0, 60.0)


@pytest.mark.parametrize("stream", streams.names())
def test_every_stream_of_the_registry_can_be_simulated(stream: str) -> None:
    """Its module exists and makes records."""
    generator = simulation(stream).generator(GeneratorOptions(seed=1))
    assert len(generator.records(3, datetime(2026, 3, 1, tzinfo=UTC))) == 3


def test_an_unknown_stream_is_refused() -> None:
    """The message names those that exist."""
    with pytest.raises(ConfigurationError, match="logs"):
        simulation("nobody")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_run_with_code_0(number: signal.Signals) -> None:
    """After the call in flight: the last line is whole."""
    command = [sys.executable, "-m", "include.simulator", "--to", "stdout", "--rate", "50", "--error-rate", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.send_signal(number)
        out, err = first + process.stdout.read(), process.stderr.read()
        assert process.wait(timeout=30) == 0
    assert all(json.loads(line) for line in out.splitlines())
    assert out.endswith(b"\n")
    assert b"Traceback" not in err
    assert b"done: put=" in err


def test_a_reader_that_goes_away_ends_the_run_with_code_0() -> None:
    """As in a pipe to head."""
    command = [sys.executable, "-m", "include.simulator", "--to", "stdout", "--rate", "500"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(timeout=30) == 0
    assert b"Traceback" not in err


def test_a_wish_to_stop_ends_a_wait_at_once() -> None:
    """Also when it was asked for before, and twice."""
    with closing(Stop()) as stop:
        assert stop.wait(0) is False
        stop.request()
        stop.request()
        assert stop.wait(60) is True
        assert stop.requested is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_wait_and_the_handlers_are_given_back(number: signal.Signals) -> None:
    """The program that runs the command keeps its own handlers."""
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        assert stop.wait(60) is True
    assert signal.getsignal(number) == before
