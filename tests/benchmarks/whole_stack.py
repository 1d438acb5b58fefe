"""The whole stack for a benchmark: on free ports, in a temporary folder, stopped and forgotten afterwards."""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local import stack
from tests.stack.running_stack import RunningStack, stack_environment

Say = Callable[[str], None]
ENGINE = "kinesalite"
"""The faster emulator: what is measured is not to be Kinesis' stand-in."""
PACES = ("low_latency", "balanced", "economical")


@contextmanager
def whole_stack(pace: str, say: Say, engine: str = ENGINE, **variables: str) -> Iterator[RunningStack]:
    """Start a stack with a pace, let it come to rest, and yield it for a ``with`` block.

    Args:
        pace: of its stream.
        say: takes a line of progress.
        engine: the Kinesis emulator.
        variables: more of its environment.

    Raises:
        CaliError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="cali-bench-") as folder:
        environment = stack_environment(Path(folder)) | {"PACE": pace, "KINESIS": engine, **variables}
        say(f"starting the whole stack, pace {pace}, {engine}")
        try:
            running = RunningStack(environment, stack.up(lambda _: None, environment))
            # The first runs of every DAG are none of the figures.
            running.put(seed=1, rate=20, seconds=5)
            running.settle()
            yield running
        finally:
            stack.down(lambda _: None, environment)


def pace_option(parser: argparse._ArgumentGroup, name: str) -> None:
    """Add a part's option for the pace."""
    parser.add_argument(name, choices=PACES, default=PACES[0], help="the stream's pace (%(default)s)")
