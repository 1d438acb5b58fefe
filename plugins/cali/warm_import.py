"""Import what tasks need once, in the process that forks the workers, so that no task pays for it.

Great Expectations alone takes 5 to 9 s to import, and a forked child has whatever its parent had imported.

Airflow's scheduler loads plugins in time by itself: the constructor of its ``Job`` asks for the listeners, which loads
the plugins, and only later does the executor fork (``airflow/jobs/job.py``, ``airflow/jobs/scheduler_job_runner.py``).
A Celery worker's parent loads no plugin before it forks; ``AIRFLOW__CORE__LAZY_LOAD_PLUGINS=False`` makes it, while
Airflow itself is imported.

The environment variable ``CALI_WARM_IMPORT`` decides otherwise: ``0`` never, ``1`` in whatever process asks.
"""

import gc
import importlib
import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import PurePath

SWITCH = "CALI_WARM_IMPORT"

MODULES = (
    "pyarrow",  # 0.2 s, 36 MB
    "pyarrow.compute",  # 0.04 s, 6 MB
    "pyarrow.parquet",  # 0.03 s, 4 MB
    "pandas",  # 1.0 s, 41 MB
    "psycopg",  # 0.14 s, 7 MB
    "pydantic",  # nothing: Airflow has it
    # What every task of ours runs through; together 0.8 s of CPU that each task would pay again.
    "airflow.providers.slack.hooks.slack",
    "cali.pipelines",
    "cali.stages",
    "include.alerts.dispatch",
    "include.alerts.store",
    "include.drain.drain",
    "include.ledger.postgres",
    "include.process.alert_stage",
    "include.process.audit_stage",
    "include.process.validate_stage",
    "include.sla.burns_postgres",
    "include.sla.incidents.tell",
    "include.sla.judge",
    "include.sla.postgres",
    "include.sla.progress",
)
"""What is imported by name, with what it cost a scheduler (one core of a shared machine, resident memory).

The other steps: AWS clients 0.16 s and 16 MB (Airflow's providers have boto3 already), audits with Great Expectations
3.2 s and 120 MB. In all 4.8 s of CPU and 255 MB, which the workers share with their parent: docs/warm-workers.md.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether this process warms up, and why."""

    warm: bool
    reason: str


@cache
def warm_if_forking_workers() -> Decision:
    """Warm this process up if it forks workers; a step that fails is logged and stops nothing.

    Returns at once when it is called again, and in every process forked from one that has called it.
    """
    decision = decide(
        argv=_command_line(sys.argv, sys.orig_argv),
        switch=os.environ.get(SWITCH),
        executor=_executor(),
        start_method=_start_method(),
        is_child=multiprocessing.parent_process() is not None,
    )
    log.debug("warm import: warm=%s reason=%s", decision.warm, decision.reason)
    if decision.warm:
        _warm_up(decision.reason)
    return decision


def decide(*, argv: Sequence[str], switch: str | None, executor: str, start_method: str, is_child: bool) -> Decision:
    """Decide whether a process is one whose forked children run tasks.

    Args:
        argv: the process's command line, the program first.
        switch: the value of ``CALI_WARM_IMPORT``, or None.
        executor: Airflow's ``[core] executor``, one or several.
        start_method: how ``multiprocessing`` starts children: fork, spawn or forkserver.
        is_child: whether ``multiprocessing`` started this process, which is a worker then.
    """
    if switch in {"0", "1"}:
        return Decision(warm=switch == "1", reason=f"{SWITCH}={switch}")
    component = _component(argv)
    if component == "celery worker" and not is_child:
        return Decision(warm=True, reason=component)
    obstacles = {
        "is_a_worker": is_child,
        "forks_no_workers": component != "scheduler",
        "workers_run_elsewhere": "LocalExecutor" not in executor,
        f"workers_start_by_{start_method}": start_method != "fork",
    }
    obstacle = next((reason for reason, stands in obstacles.items() if stands), None)
    return Decision(warm=obstacle is None, reason=obstacle or component)


def _command_line(argv: Sequence[str], orig_argv: Sequence[str]) -> Sequence[str]:
    """Return the program and its arguments, also while ``python -m airflow`` still imports what it is to run.

    Until then ``sys.argv`` begins with ``-m``; the interpreter's own command line has the module's name in that place.
    """
    return [orig_argv[-len(argv)], *argv[1:]] if argv[:1] == ["-m"] else argv


def _component(argv: Sequence[str]) -> str:
    """Return Airflow's command of a command line (``airflow``, ``python -m airflow``), or an empty text."""
    if not argv or not (PurePath(argv[0]).name == "airflow" or argv[0].endswith("airflow/__main__.py")):
        return ""
    words = list(argv[1:3])
    return " ".join(words) if words[:1] == ["celery"] else "".join(words[:1])


def _executor() -> str:
    """Return Airflow's ``[core] executor``."""
    from airflow.configuration import conf  # noqa: PLC0415 - a plugin may load while Airflow itself is imported

    return str(conf.get("core", "executor", fallback=""))


def _start_method() -> str:
    """Return how ``multiprocessing`` starts children here, without fixing it."""
    return multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]


def _warm_up(reason: str) -> None:
    """Run every step, and say what it took and which threads it left: a process with threads is unsafe to fork."""
    started, before = time.perf_counter(), set(threading.enumerate())
    failed = [name for name, step in _steps() if not _done(name, step)]
    # What is here now stays: no child's garbage collector has to look at it, or copy its pages by doing so.
    gc.collect()
    gc.freeze()
    left = sorted(thread.name for thread in set(threading.enumerate()) - before)
    if left:
        log.warning("warm import left threads behind, forking may be unsafe: threads=%s; set %s=0", left, SWITCH)
    seconds = time.perf_counter() - started
    log.info("warm import done: reason=%s seconds=%.1f failed=%s", reason, seconds, failed)


def _steps() -> list[tuple[str, Callable[[], object]]]:
    """Return what to warm up, in order, each with its name."""
    imports = [(name, partial(importlib.import_module, name)) for name in MODULES]
    return [*imports, ("DAGs", _build_dags), ("AWS clients", _make_clients), ("audits", _judge_empty_batches)]


def _done(name: str, step: Callable[[], object]) -> bool:
    """Run one step; False if it failed, which costs tasks time and nothing else."""
    try:
        step()
    except Exception:
        log.warning("warm import failed: step=%s; tasks will import it themselves", name, exc_info=True)
        return False
    return True


def _make_clients() -> None:
    """Make the clients that tasks make, which reads their services' descriptions. Nothing is sent."""
    from cali.aws import aws_client  # noqa: PLC0415 - see the module's docstring

    for service in ("kinesis", "s3"):
        aws_client(service, conn_id=None, region="us-east-1")


def _build_dags() -> None:
    """Build every stream's DAGs, as each task does when it reads its DAG file, and forget them."""
    from cali.pipelines import StreamPage, drain_dag, process_dag  # noqa: PLC0415 - see the module's docstring
    from include import streams  # noqa: PLC0415

    for name in streams.names():
        drain_dag(name, StreamPage())
        process_dag(name, StreamPage())


def _judge_empty_batches() -> None:
    """Let every stream's suite judge an empty batch, which builds all that audits need."""
    from include import streams  # noqa: PLC0415 - see the module's docstring
    from include.audit import warm_up  # noqa: PLC0415
    from include.records import utc_now  # noqa: PLC0415

    for name in streams.names():
        warm_up(streams.get(name).suite(), utc_now())
