"""CPU and memory of the whole embedded stack: while its stream is empty, and at 100 records a second.

CPU is user and system time of every process of the stack, of those included that live for a second; a core is one
second of it a second. Memory is PSS, in which a page that forked workers share counts once. The simulator and the
benchmark itself are no part of the stack.
"""

import argparse
import time
from collections.abc import Mapping
from typing import Any

from include.errors import TransientError
from include.records import utc_now
from local.supervision import Supervisor
from local.variables import KINESIS_ENGINES
from tests.benchmarks.arguments import natural
from tests.benchmarks.footprint import SUPERVISOR, Usage, by_program, read, summed
from tests.benchmarks.whole_stack import Say, pace_option, whole_stack
from tests.stack.running_stack import RunningStack
from tests.text_table import text_table

GOAL = {"cpu_cores": 0.20, "rss_gb": 2.0}
"""Of the idle stack at ``low_latency``."""
RATE = 100
SAMPLE_S = 10.0
FIGURES = ("cpu_cores", "rss_gb", "rss_sum_gb", "processes")


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add the options of this part."""
    parser.add_argument("--idle-seconds", type=natural, default=300, help="to measure at rest (%(default)s)")
    parser.add_argument("--idle-load-seconds", type=natural, default=120, help="to measure at 100/s (%(default)s)")
    parser.add_argument("--idle-settle-seconds", type=natural, default=30, help="to leave out before (%(default)s)")
    parser.add_argument("--idle-kinesis", choices=KINESIS_ENGINES, default=KINESIS_ENGINES[0], help="(%(default)s)")
    pace_option(parser, "--idle-pace")


def measure(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Start a stack of its own and measure it.

    Raises:
        TransientError: the stack did not start, or a program of it came anew while it was measured.
    """
    with whole_stack(options.idle_pace, say, options.idle_kinesis) as running:
        return measured(running, options, say)


def measured(running: RunningStack, options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Measure a stack that is up: first at rest, then under load."""
    say(f"the stack is at rest; {options.idle_settle_seconds} s to settle, {options.idle_seconds} s to measure")
    time.sleep(options.idle_settle_seconds)
    at_rest = window(running, options.idle_seconds)
    say(f"{RATE} records/s: {options.idle_settle_seconds} s to settle, {options.idle_load_seconds} s to measure")
    with running.simulating(seed=2, rate=RATE):
        time.sleep(options.idle_settle_seconds)
        at_100 = window(running, options.idle_load_seconds)
    return {"pace": running.settings.pace, "kinesis": running.settings.kinesis_engine, **at_rest, "at_100": at_100}


def window(running: RunningStack, seconds: float) -> dict[str, Any]:
    """Look at the stack's processes for so many seconds.

    Raises:
        TransientError: a program ended meanwhile, so that its figures are of two processes.
    """
    roots, runs = programs(running), utc_now()
    samples: list[Mapping[str, Usage]] = [by_program(read(), roots)]
    # Only now: on a busy machine the first look itself takes seconds.
    began = time.monotonic()
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, SAMPLE_S))
        samples.append(by_program(read(), roots))
    took = time.monotonic() - began
    if programs(running) != roots:
        raise TransientError("a program of the stack ended and came anew while it was measured; see its log")
    by_name = summed(samples, took)
    ended = "select dag_id, count(*)::int as runs from dag_run where end_date >= %(since)s group by dag_id order by 1"
    return {
        **{figure: sum(one[figure] for one in by_name.values()) for figure in FIGURES},
        "seconds": took,
        "programs": by_name,
        "runs": {row["dag_id"]: row["runs"] for row in running.metadata(ended, since=runs)},
    }


def programs(running: RunningStack) -> dict[str, int]:
    """Return the process id of each program and of the supervisor."""
    supervisor = int((running.settings.run_dir / "supervisord.pid").read_text())
    states = Supervisor(running.settings.run_dir).states()
    return {**{state.name: state.pid for state in states}, SUPERVISOR: supervisor}


def render(result: Mapping[str, Any]) -> str:
    """Return the programs as a table, at rest and under load side by side."""
    heads = [
        ["", "at rest", "", "", f"{RATE}/s", ""],
        ["program", "cores", "MB", "processes", "cores", "MB"],
    ]
    rows = [
        _row(name, result["programs"][name], result["at_100"]["programs"][name])
        for name in sorted(result["programs"], key=lambda name: -result["programs"][name]["cpu_cores"])
    ]
    rows.append(_row("all", result, result["at_100"]))
    cpu, memory = (f"{result[figure]:.2f} (goal {GOAL[figure]:.2f})" for figure in GOAL)
    runs = ", ".join(f"{dag_id} {count}" for dag_id, count in result["runs"].items())
    return (
        f"{text_table(heads, rows)}\n\n"
        f"at rest, pace {result['pace']}, {result['kinesis']}: {cpu} of a core, {memory} GB; "
        f"RSS added up, shared pages as often as they are mapped: {result['rss_sum_gb']:.1f} GB\n"
        f"runs that ended in {result['seconds']:.0f} s at rest: {runs}"
    )


def _row(name: str, at_rest: Mapping[str, float], at_100: Mapping[str, float]) -> list[str]:
    return [
        name,
        f"{at_rest['cpu_cores']:.3f}",
        f"{at_rest['rss_gb'] * 1000:,.0f}",
        f"{at_rest['processes']:.0f}",
        f"{at_100['cpu_cores']:.3f}",
        f"{at_100['rss_gb'] * 1000:,.0f}",
    ]
