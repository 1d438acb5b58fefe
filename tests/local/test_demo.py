"""The demo: what it tells the simulator, what its exit codes mean, and what it counts."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from rich.console import Console

from include.errors import ConfigurationError, TransientError
from include.proof.summary import Latency, StreamSummary
from include.records import utc_now
from include.simulator.options import parse
from local import demo
from local.demo_view import LineCount, results
from local.settings import Ports, Secrets, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SECRETS = Secrets("pg", "cali-pw", "airflow-pw", "admin-pw", "jwt", "api", "fernet", "key", "aws-secret", "xoxb-token")
SOUND = StreamSummary(
    produced=1_234,
    drained=1_234,
    valid=1_230,
    dead_lettered=4,
    alertable=30,
    filtered=1_200,
    lost=0,
    duplicated=0,
    misjudged=0,
    unjournaled=0,
    unconserved=0,
    batches=2,
    published=2,
    quarantined=0,
    quality_runs=2,
    alert_groups=3,
    slack_messages=3,
    malformed_produced=4,
    alert_latency_s=Latency(1.0, 2.0, 3.0),
)
LOSSY = StreamSummary(
    **{**{name: getattr(SOUND, name) for name in StreamSummary.__slots__}, "lost": 1, "wrong": ("lost x",)}
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a stack in a folder of its own."""
    (tmp_path / "log").mkdir()
    return Settings(run_dir=tmp_path, ports=Ports(1, 2, 3, 4, 5), secrets=SECRETS)


class Stack:
    """A stack that is up or not, and what the demo did to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
        self.was_up = False
        self.outcome: int | BaseException = 0
        self.told: Mapping[str, str] = {}
        self.calls: list[str] = []
        self._settings = settings
        monkeypatch.setattr(demo, "is_up", lambda _: self.was_up)
        monkeypatch.setattr(demo, "where_to_look", lambda _: "look here")
        monkeypatch.setattr(demo, "up", self._up)
        monkeypatch.setattr(demo, "down", lambda *_: self.calls.append("down"))
        monkeypatch.setattr(demo, "run", self._run)

    def _up(self, _: object, environment: Mapping[str, str]) -> Settings:
        self.calls.append("up")
        self.told = environment
        return self._settings

    def _run(self, *_: object) -> int:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Stack:
    """A stack that is not up yet."""
    return Stack(monkeypatch, settings)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (0, 0),
        (1, 1),
        (ConfigurationError("port 8080 is taken"), 1),
        (TransientError("Postgres did not answer"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=repr,
)
def test_the_exit_code_says_how_it_ended(stack: Stack, outcome: Any, code: int) -> None:
    """0 proved, 1 not proved or not started, 130 broken off; what the demo started it stops in every case."""
    stack.outcome = outcome
    assert demo.main({}) == code
    assert stack.calls == ["up", "down"]


def test_an_error_is_said_in_a_sentence(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for what CALI knows how to explain."""
    stack.outcome = ConfigurationError("port 8080 is taken")
    demo.main({})
    said = capsys.readouterr()
    assert "port 8080 is taken" in said.out
    assert "Traceback" not in said.out + said.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_demo_ends_the_stack(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """A demo that is told to end, or whose terminal goes away, stops what it started and says so by its code."""
    monkeypatch.setattr(demo, "run", lambda *_: signal.raise_signal(number))
    with pytest.raises(SystemExit) as ended:
        demo.main({})
    assert (ended.value.code, stack.calls) == (128 + number, ["up", "down"])


def test_a_terminal_that_is_gone_does_not_keep_the_stack_up(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said while it stops meets an output that fails, and it is stopped all the same."""

    def down(say: Callable[[str], None], _: object) -> None:
        say("stopping the stack")
        stack.calls.append("down")

    monkeypatch.setattr(demo, "down", down)
    monkeypatch.setattr(demo.Console, "print", gone)
    with pytest.raises(OSError, match="Input/output"):
        demo.main({})
    assert stack.calls == ["up", "down"]


def gone(*_: object, **__: object) -> None:
    """Stand in for a terminal that is gone."""
    raise OSError(errno.EIO, "Input/output error")


def test_a_second_ctrl_c_does_not_break_the_stopping_off(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again gets the stack stopped, not half stopped; afterwards Ctrl-C means what it meant before."""

    def down(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        stack.calls.append("down")

    monkeypatch.setattr(demo, "down", down)
    before = signal.getsignal(signal.SIGINT)
    assert demo.main({}) == 0
    assert (stack.calls, signal.getsignal(signal.SIGINT)) == (["up", "down"], before)


@pytest.mark.parametrize("outcome", [0, KeyboardInterrupt()], ids=repr)
def test_a_stack_that_was_up_stays_up(stack: Stack, outcome: Any) -> None:
    """Whoever started it stops it."""
    stack.was_up, stack.outcome = True, outcome
    demo.main({})
    assert stack.calls == ["up"]


@pytest.mark.parametrize(("given", "pace"), [({}, "low_latency"), ({"PACE": "economical"}, "economical")])
def test_a_demo_is_in_a_hurry_unless_told_otherwise(stack: Stack, given: dict[str, str], pace: str) -> None:
    """The demo's own default pace is the fast one; the user's word wins."""
    demo.main(given)
    assert stack.told["PACE"] == pace


@contextmanager
def no_simulators(*_: object) -> Iterator[list[Any]]:
    """Stand in for simulators that have ended already."""
    yield []


class Still:
    """A view that shows nothing, over journals that do not grow."""

    def __init__(self, *_: object) -> None:
        self.journals = {"logs": Path("logs.ndjson")}
        self.looks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def refresh(self) -> None:
        self.looks += 1

    def produced(self, _: str) -> int:
        return 10


@pytest.mark.parametrize(
    ("summaries", "code", "ok"),
    [({"logs": SOUND}, 0, True), ({"logs": LOSSY}, 1, False), ({"logs": SOUND, "transactions": LOSSY}, 1, False)],
)
def test_every_stream_has_to_be_proved(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, summaries: dict[str, StreamSummary], code: int, ok: bool
) -> None:
    """The code and `demo.json` say the same, with every stream's figures."""
    monkeypatch.setattr(demo.psycopg, "connect", lambda *_, **__: nullcontext())
    monkeypatch.setattr(demo, "LiveView", Still)
    monkeypatch.setattr(demo, "simulators", no_simulators)
    monkeypatch.setattr(demo, "caught_up", lambda *_: True)
    monkeypatch.setattr(demo, "prove", lambda *_: summaries)
    console = Console(file=io.StringIO())
    assert demo.run(settings, console, {}) == code
    written = json.loads((settings.run_dir / "demo.json").read_text())
    assert written["ok"] is ok
    assert written["streams"] == {stream: summary.to_json() for stream, summary in summaries.items()}


def command(environment: dict[str, str]) -> Any:
    """Return what the simulator makes of the command that it is started with."""
    python, flag, module, *options = demo._simulator_command(environment, "logs")
    assert (python, flag, module) == (sys.executable, "-m", "include.simulator")
    return parse(options)


def test_without_a_word_the_simulator_gets_the_demos_defaults() -> None:
    """100 records a second, some broken, without an end and with a seed of its own."""
    told = command({})
    assert (told.rate, told.error_rate, told.malformed_rate, told.duration, told.spike) == (100, 0.3, 0.01, None, False)


def test_every_option_reaches_the_simulator() -> None:
    """What stands in the README does what it says."""
    told = command(
        {"RATE": "5", "ERROR_RATE": "0.5", "MALFORMED_RATE": "0", "SEED": "7", "DURATION": "30", "SPIKE": "1"}
    )
    assert (told.rate, told.error_rate, told.malformed_rate, told.seed, told.duration) == (5, 0.5, 0, 7, 30)
    assert told.spike is True


@pytest.mark.parametrize("value", ["", "0"])
def test_a_spike_that_is_switched_off_is_none(value: str) -> None:
    """`SPIKE=0` means what it says."""
    assert command({"SPIKE": value}).spike is False


def test_an_empty_option_is_an_unset_one() -> None:
    """`make` exports variables that nobody set as empty ones."""
    assert command(dict.fromkeys(demo.OPTIONS, "")).rate == 100


def running(settings: Settings, monkeypatch: pytest.MonkeyPatch, script: str) -> Any:
    """Run a script in the simulator's place, for one stream."""
    monkeypatch.setattr(demo, "_simulator_command", lambda *_: [sys.executable, "-c", script])
    journals = {"logs": settings.run_dir / "journal" / "logs.ndjson"}
    return demo.simulators(demo.Demo(settings, journals, utc_now()), {})


def test_a_simulator_that_ends_by_itself_is_well(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets its stream and its journal, and code 0 is its end."""
    script = "import pathlib, sys; pathlib.Path('{}').write_text(' '.join(sys.argv[1:]))"
    seen = settings.run_dir / "arguments"
    with running(settings, monkeypatch, script.format(seen)) as (simulator,):
        simulator.wait(20)
    assert seen.read_text() == f"--stream logs --journal {settings.run_dir / 'journal' / 'logs.ndjson'}"


def test_a_simulator_is_told_to_finish_its_call_and_its_journal(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the demo's end it gets SIGTERM, and its own end is waited for."""
    ready, done = settings.run_dir / "ready", settings.run_dir / "done"
    script = f"""
import pathlib, signal, sys
def finish(*_):
    pathlib.Path('{done}').touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, finish)
pathlib.Path('{ready}').touch()
signal.pause()
"""
    with running(settings, monkeypatch, script):
        wait_for(ready.exists)
    assert done.exists()


def test_a_simulator_that_is_told_in_its_last_moments_is_well(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM may come when its work is done and its handlers are gone; that is no failure."""
    ready = settings.run_dir / "ready"
    with running(settings, monkeypatch, f"open('{ready}', 'w'); import signal; signal.pause()") as (simulator,):
        wait_for(ready.exists)
    assert simulator.returncode == -signal.SIGTERM


def test_ctrl_c_in_the_terminal_reaches_the_demo_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal signals the whole foreground group; the simulator, told twice, would end before its journal does."""
    with running(settings, monkeypatch, "import signal; signal.pause()") as (simulator,):
        assert os.getpgid(simulator.pid) not in {os.getpgrp(), 0}


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition, for some time."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "the condition never came true"
        time.sleep(0.02)


def test_a_simulator_that_failed_is_said_with_its_log(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong option does not pass for a short demo: its reason is in the log that the message names."""
    failing = running(settings, monkeypatch, "import sys; sys.exit('no such rate')")
    with pytest.raises(ConfigurationError, match=r"ended with 1; see .*simulator\.log"), failing as (simulator,):
        simulator.wait(20)
    assert (settings.run_dir / "log" / "simulator.log").read_text() == "no such rate\n"


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Still:
    """A view, looked at without pauses."""
    monkeypatch.setattr(demo, "LOOK_S", 0)
    return Still()


def test_watching_goes_on_until_there_is_no_more(still: Any) -> None:
    """One look more shows how it ended."""
    answers = [True, True, False]
    demo.watch(still, lambda: answers.pop(0))
    assert still.looks == 3


def test_watching_ends_with_its_time(still: Any) -> None:
    """What never catches up does not hold the demo up for ever."""
    demo.watch(still, lambda: True, seconds=0.05)
    assert still.looks >= 1


def broken_off() -> bool:
    """Stand in for Ctrl-C."""
    raise KeyboardInterrupt


def test_ctrl_c_ends_the_load_and_begins_the_proof(still: Any) -> None:
    """While records are sent, Ctrl-C is how a demo without an end is ended."""
    demo.watch(still, broken_off)
    assert still.looks == 1


def test_ctrl_c_while_it_catches_up_breaks_the_demo_off(still: Any) -> None:
    """Whoever asks twice does not want to wait for the proof."""
    with pytest.raises(KeyboardInterrupt):
        demo.watch(still, broken_off, seconds=60)


@pytest.mark.parametrize(
    ("drained", "open_stages", "openings_waiting", "expected"),
    [(10, 0, 0, True), (12, 0, 0, True), (9, 0, 0, False), (10, 1, 0, False), (10, 0, 1, False)],
)
def test_caught_up_is_drained_processed_and_told(
    monkeypatch: pytest.MonkeyPatch, drained: int, open_stages: int, openings_waiting: int, expected: bool
) -> None:
    """Whatever still waits, the demo waits for."""
    counts = {"drained": drained, "open_stages": open_stages, "openings_waiting": openings_waiting}
    monkeypatch.setattr(demo, "ledger_counts", lambda *_: counts)
    nothing: Any = None
    view: Any = Still()
    assert demo.caught_up(nothing, view) is expected


def test_lines_of_a_growing_file_are_counted_once(tmp_path: Path) -> None:
    """A file that is not there yet has none; what is appended is added."""
    path = tmp_path / "journal"
    count = LineCount(path)
    seen = [count.update()]
    for text in ("one\n", "", "two\nthree\n"):
        with path.open("a") as file:
            file.write(text)
        seen.append(count.update())
    assert seen == [0, 1, 1, 3]


def test_a_torn_line_counts_when_it_is_whole(tmp_path: Path) -> None:
    """A line that is being written is not a record yet."""
    path = tmp_path / "journal"
    count = LineCount(path)
    path.write_text("one\ntw")
    seen = [count.update()]
    path.write_text("one\ntwo\n")
    assert [*seen, count.update()] == [1, 2]


def test_a_torn_line_that_a_new_simulator_cuts_off_hides_none(tmp_path: Path) -> None:
    """Lines that are written in the place of a killed simulator's last one are counted, however short they are."""
    path = tmp_path / "journal"
    count = LineCount(path)
    path.write_text("one\n" + "x" * 100)
    seen = [count.update()]
    path.write_text("one\ntwo\nthree\n")
    assert [*seen, count.update()] == [1, 3]


def test_the_results_show_every_figure_and_what_is_wrong() -> None:
    """A person sees each stream's figures, whether it is proved, and examples of what is not."""
    console = Console(file=io.StringIO(), width=200)
    console.print(results({"logs": SOUND, "transactions": LOSSY}))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert [word in shown for word in ("1,234", "alert latency p95 (s)", "yes", "NO", "lost x")] == [True] * 5


@pytest.mark.parametrize(
    ("given", "pace"), [({}, "low_latency"), ({"PACE": ""}, "low_latency"), ({"PACE": "balanced"}, "balanced")]
)
def test_the_demo_is_quick_unless_told_otherwise(given: dict[str, str], pace: str) -> None:
    """The Makefile hands on every variable, set or not; an empty one is not set."""
    assert demo.with_pace(given)["PACE"] == pace
