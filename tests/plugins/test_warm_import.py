"""Which processes import ahead of their workers, and what happens if that fails."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from cali import warm_import
from cali.warm_import import Decision, decide, warm_if_forking_workers


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what this process decided before, and ask no Airflow, whose import takes the log's handlers over."""
    monkeypatch.setattr(warm_import, "_executor", lambda: "LocalExecutor")
    warm_if_forking_workers.cache_clear()
    yield
    warm_if_forking_workers.cache_clear()


def decided(command: str, **changes: object) -> Decision:
    """Return the decision of a process with this command line, on Linux with LocalExecutor."""
    facts: dict[str, object] = {
        "argv": command.split(),
        "switch": None,
        "executor": "LocalExecutor",
        "start_method": "fork",
        "is_child": False,
    }
    return decide(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("/opt/venv/bin/airflow scheduler", "scheduler"),
        ("airflow scheduler --num-runs 5", "scheduler"),
        ("/opt/venv/lib/airflow/__main__.py scheduler", "scheduler"),
        ("airflow celery worker --queues default", "celery worker"),
    ],
)
def test_processes_that_fork_workers_warm_up(command: str, reason: str) -> None:
    """The scheduler and a Celery worker's parent import ahead."""
    assert decided(command) == Decision(warm=True, reason=reason)


@pytest.mark.parametrize(
    "command",
    [
        "airflow api-server",
        "airflow triggerer",
        "airflow dag-processor",
        "airflow standalone",
        "airflow celery flower",
        "airflow dags list",
        "airflow",
        "pytest scheduler",
        "",
    ],
)
def test_other_processes_do_not(command: str) -> None:
    """No other component, command or program imports ahead."""
    assert decided(command) == Decision(warm=False, reason="forks_no_workers")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"executor": "KubernetesExecutor"}, "workers_run_elsewhere"),
        ({"start_method": "spawn"}, "workers_start_by_spawn"),
        ({"is_child": True}, "is_a_worker"),
        ({"switch": "0"}, "CALI_WARM_IMPORT=0"),
    ],
)
def test_scheduler_whose_workers_gain_nothing_does_not(changes: dict[str, object], reason: str) -> None:
    """A scheduler whose children do not inherit its modules, a worker, and one told not to, import nothing."""
    assert decided("airflow scheduler", **changes) == Decision(warm=False, reason=reason)


@pytest.mark.parametrize(
    ("argv", "orig_argv"),
    [
        (["-m", "celery", "worker"], ["python", "-X", "dev", "-m", "airflow", "celery", "worker"]),
        (["airflow", "celery", "worker"], ["python", "/opt/venv/bin/airflow", "celery", "worker"]),
    ],
)
def test_a_command_is_known_while_airflow_is_imported(argv: list[str], orig_argv: list[str]) -> None:
    """`python -m airflow` has not put the program's name into `sys.argv` yet when the plugins are loaded at once."""
    assert warm_import._command_line(argv, orig_argv) == ["airflow", "celery", "worker"]


def test_one_of_several_executors_is_enough() -> None:
    """A scheduler with LocalExecutor among its executors forks workers."""
    assert decided("airflow scheduler", executor="CeleryExecutor,LocalExecutor").warm


def test_switch_forces_any_process() -> None:
    """``CALI_WARM_IMPORT=1`` warms whatever process asks."""
    assert decided("airflow triggerer", switch="1") == Decision(warm=True, reason="CALI_WARM_IMPORT=1")


def test_step_that_fails_stops_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A step that fails is a warning that names it, and the steps behind it run."""
    done: list[str] = []

    def fail() -> None:
        raise ImportError("no such module")

    steps = [("broken", fail), ("whole", lambda: done.append("whole"))]
    monkeypatch.setattr(warm_import, "_steps", lambda: steps)
    monkeypatch.setenv("CALI_WARM_IMPORT", "1")
    with caplog.at_level("INFO", logger="cali.warm_import"):
        warm_if_forking_workers()
    assert done == ["whole"]
    warning, summary = (record for record in caplog.records if record.levelname in {"WARNING", "INFO"})
    assert "step=broken" in warning.getMessage()
    assert "failed=['broken']" in summary.getMessage()


def test_process_warms_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again, as a plugin that is loaded again does, nothing runs."""
    runs: list[int] = []
    monkeypatch.setattr(warm_import, "_steps", lambda: [("step", lambda: runs.append(1))])
    monkeypatch.setenv("CALI_WARM_IMPORT", "1")
    warm_if_forking_workers()
    warm_if_forking_workers()
    assert runs == [1]


def test_fork_after_warming_up_inherits_modules_and_no_threads() -> None:
    """A real warm-up fails nowhere, leaves one thread alive, and a forked child has the modules and can audit."""
    script = """
import os, sys, threading
from cali.warm_import import _done, _steps
failed = [name for name, step in _steps() if not _done(name, step)]
print("result:", failed, [thread.name for thread in threading.enumerate()], flush=True)
child = os.fork()
if child == 0:
    from include import streams
    from include.audit import audit
    from include.records import utc_now
    suite = streams.get("logs").suite()
    report = audit(suite.schema.empty_table(), suite, utc_now())
    print("result:", "great_expectations" in sys.modules, len(report.failures()), flush=True)
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=paths, capture_output=True, text=True, check=False, timeout=600
    )
    # Airflow's hooks log to the same stream.
    results = [line for line in ran.stdout.splitlines() if line.startswith("result:")]
    assert (ran.returncode, results) == (0, ["result: [] ['MainThread']", "result: True 1"]), ran.stderr
