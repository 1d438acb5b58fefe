"""A spike on the whole stack: 100 records a second, then 2,000 for a minute, then 100 again.

*Lag* is how long a record had to wait until it was drained. Caught up is when every record that was put before the
spike's end has its audit's verdict. What was lost or doubled comes from the producer's journal and the objects on S3.
"""

import argparse
import time
from collections.abc import Mapping
from typing import Any

from include.records import utc_now
from include.simulator.options import load_of, parse
from include.simulator.pacing import Load
from tests.benchmarks.arguments import natural
from tests.benchmarks.journeys import BATCHES, Ways, spread, way_of
from tests.benchmarks.whole_stack import Say, pace_option, whole_stack
from tests.stack.running_stack import STREAM, RunningStack

GOAL_S = 30.0
SETTLE_S = 240.0


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add what this part may be told."""
    parser.add_argument("--spike-rate", type=natural, default=100, help="records a second around it (%(default)s)")
    pace_option(parser, "--spike-pace")


def measure(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Put the load on a stack of its own, and hold the journal against S3.

    Raises:
        CaliError: the stack did not start, or a record is in no batch.
    """
    load = load_of(parse(["--rate", str(options.spike_rate), "--spike"]))
    seconds = 3 * load.spike_length_s
    with whole_stack(options.spike_pace, say) as running:
        began, since = time.time(), utc_now()
        say(f"{load.rate:.0f} records/s, {load.rate * load.factor:.0f} in the spike; {seconds:.0f} s")
        with running.simulating(seed=2000, rate=options.spike_rate, seconds=seconds, spike=True) as simulator:
            simulator.wait(seconds + 60)
        running.settle(SETTLE_S)
        settings = {
            "pace": options.spike_pace,
            "rate": load.rate,
            "factor": load.factor,
            "spike_s": load.spike_length_s,
        }
        return {"settings": settings, **_figures(running, began, since, load)}


def render(result: Mapping[str, Any]) -> str:
    """Return the figures as lines."""
    return "\n".join(
        (
            f"put {result['put']:,} records, {result['spike_put_a_second']:,.0f} a second in the spike",
            f"lost {result['lost']}, duplicated {result['duplicated']}",
            f"highest lag {result['max_lag_s']:.1f} s; caught up {result['catch_up_s']:.1f} s after the spike's end",
            f"goal: 0, 0, and at most {GOAL_S:.0f} s",
        )
    )


def _figures(running: RunningStack, began: float, since: object, load: Load) -> dict[str, Any]:
    ways = Ways(running.rows(BATCHES, stream=STREAM, since=since), (), ())
    put = [entry for entry in running.journal if entry.put_at >= began and not entry.uncertain]
    first = min(entry.put_at for entry in put)
    starts, ends = first + load.spike_from_s, first + load.spike_from_s + load.spike_length_s
    known = [way_of(entry, ways) for entry in put]
    lags = [way.drained_at - way.put_at for way in known]
    verdicts = [way.audited_at for way in known if way.put_at <= ends and way.audited_at]
    summary = running.summary()
    return {
        "put": len(put),
        "spike_put_a_second": sum(starts <= entry.put_at <= ends for entry in put) / load.spike_length_s,
        "lost": summary.lost,
        "duplicated": summary.duplicated,
        "lag": spread(lags),
        "max_lag_s": round(max(lags), 3),
        "catch_up_s": round(max(0.0, max(verdicts) - ends), 3),
    }
