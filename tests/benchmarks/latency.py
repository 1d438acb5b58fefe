"""From put to Slack and to the audit's verdict, on the whole stack: how long, and where the time goes.

Beside a load of so many records a second, probes are put: errors that nobody has seen before. *alert* is over the
probes: from just before ``put_record`` to Slack's acceptance of the message. The records of the load join groups
whose messages exist, and are edited into them at Slack's pace; they say nothing about how fast a new problem is told.
*drained*, *valid* and *audit* are over every record, probes and load: from its put to its batch's moment.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

from include.records import utc_now
from include.simulator.journal import JournalEntry
from local.environment import kinesis_url
from local.servers.aws import client
from tests.benchmarks.arguments import natural
from tests.benchmarks.journeys import BATCHES, OPENINGS, SEGMENTS, TASKS, Ways, spread, way_of
from tests.benchmarks.probes import pause_of, probing
from tests.benchmarks.stacked import bars, svg
from tests.benchmarks.whole_stack import Say, pace_option, whole_stack
from tests.stack.running_stack import STREAM, RunningStack
from tests.text_table import text_table

LOADS = (0, 1, 100, 1000)
GOALS = {"idle": "p95 ≤ 2.5 s", "rps_100": "p50 ≤ 1.2 s, p95 ≤ 2.0 s", "rps_1000": "p50 ≤ 1.2 s, p95 ≤ 2.0 s"}
AUDIT_GOAL = "audit p95 ≤ 3 s"
CUTS = ("p50", "p95", "p99", "max")
WARM_UP_S = 15.0
"""How long a load runs before it counts: every group that it will ever open is open then."""


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add what this part may be told."""
    parser.add_argument("--latency-seconds", type=natural, default=180, help="of each load (%(default)s)")
    parser.add_argument(
        "--latency-loads", type=int, nargs="+", default=list(LOADS), help="records a second; 0 is idle (%(default)s)"
    )
    parser.add_argument("--latency-picture", type=Path, metavar="FILE", help="write what the time is made of as SVG")
    pace_option(parser, "--latency-pace")


def measure(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Measure every load, one after the other on one stack.

    Raises:
        CaliError: the stack did not start, or a record was lost on the way.
    """
    # Each probe has a message of its own, although more than twenty groups may open within a minute.
    with whole_stack(options.latency_pace, say, CALI_ALERT_STORM_GROUPS="1000") as running:
        loads = {
            name_of(load): _measured(running, load, options.latency_seconds, say) for load in options.latency_loads
        }
    if options.latency_picture:
        options.latency_picture.write_text(svg(_segments(loads), "From put to Slack: mean seconds of the probes"))
    return {"settings": {"pace": options.latency_pace, "seconds": options.latency_seconds}, **loads}


def _segments(loads: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, float]]:
    return {name: figures["segments"] for name, figures in loads.items()}


def name_of(load: int) -> str:
    """Return what a load is called in the results."""
    return f"rps_{load}" if load else "idle"


def render(result: Mapping[str, Any]) -> str:
    """Return the quantiles as a table, and of what the alerts' time is made as bars."""
    loads = {name: figures for name, figures in result.items() if isinstance(figures, Mapping) and "alert" in figures}
    heads = [["load", "what", *CUTS, "of"], ["", "", "s", "s", "s", "s", "records"]]
    rows = [
        [name, what, *(_seconds(figures[what], cut) for cut in CUTS), str(figures[what].get("of", 0))]
        for name, figures in loads.items()
        for what in ("drained", "valid", "alert", "audit")
    ]
    goals = [f"goal of {name}: alert {goal}; {AUDIT_GOAL}" for name, goal in GOALS.items() if name in loads]
    picture = bars(_segments(loads))
    return "\n".join([text_table(heads, rows), "", picture, "", *goals])


def _seconds(figures: Mapping[str, float], cut: str) -> str:
    return f"{figures[cut]:.2f}" if cut in figures else "-"


def _measured(running: RunningStack, load: int, seconds: int, say: Say) -> dict[str, Any]:
    say(f"{name_of(load)}: {seconds} s")
    address, credentials = kinesis_url(running.settings), running.settings.credentials
    with closing(client("kinesis", address, credentials)) as kinesis, _load(running, load):
        _let_pass(WARM_UP_S if load else 1.0)
        began, since = time.time(), utc_now()
        with probing(kinesis, STREAM, running.probes, pause_of(load), seed=load) as probes:
            _let_pass(seconds)
    running.settle()
    return _figures(running, probes, began, {"since": since})


def _load(running: RunningStack, load: int) -> AbstractContextManager[object]:
    return running.simulating(seed=1000 + load, rate=load) if load else nullcontext()


def _let_pass(seconds: float) -> None:
    # The measured time itself; nothing is waited for.
    time.sleep(seconds)


def _figures(
    running: RunningStack, probes: Sequence[JournalEntry], began: float, since: Mapping[str, object]
) -> dict[str, Any]:
    ways = Ways(
        running.rows(BATCHES, stream=STREAM, **since),
        running.rows(OPENINGS, **since),
        running.metadata(TASKS, dags=[f"{STREAM}_drain", f"{STREAM}_process"], **since),
    )
    told = [way_of(probe, ways) for probe in probes]
    every = [way_of(entry, ways) for entry in running.journal if entry.put_at >= began and not entry.uncertain]
    return {
        "alert": spread([way.sent_at - way.put_at for way in told if way.sent_at]),
        "audit": spread([way.audited_at - way.put_at for way in every if way.audited_at]),
        "valid": spread([way.validated_at - way.put_at for way in every if way.validated_at]),
        "drained": spread([way.drained_at - way.put_at for way in every]),
        "segments": _mean_segments([way.segments for way in told if way.segments]),
        "runs_a_minute": _runs_a_minute(running, since),
    }


def _mean_segments(segments: Sequence[Sequence[float]]) -> dict[str, float]:
    return {
        name: sum(column) / len(column) for name, column in zip(SEGMENTS, zip(*segments, strict=True), strict=False)
    }


def _runs_a_minute(running: RunningStack, since: Mapping[str, object]) -> float:
    counted = """select count(*) / (extract(epoch from max(start_date) - min(start_date)) / 60) as runs
                 from dag_run where start_date >= %(since)s and dag_id like %(ours)s having count(*) > 1"""
    rows = running.metadata(counted, ours=f"{STREAM}_%", **since)
    return round(float(rows[0]["runs"]), 1) if rows else 0.0
