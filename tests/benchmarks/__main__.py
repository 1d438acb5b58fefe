"""Measure what the platform costs, beside what a user would write instead.

``python -m tests.benchmarks --only throughput``. The table goes to the terminal and, with every run, machine and
version, into ``.run/bench.json``. Exit codes: 0 measured; 1 it could not be carried out; 2 an option is wrong.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from include.errors import CaliError
from local.settings import run_folder
from tests.benchmarks import throughput
from tests.benchmarks.machine import machine

PARTS = {"throughput": throughput}
"""Each part has ``measure(options, say)``, whose result is plain JSON, and ``render(result)``."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    part = PARTS[options.only]
    try:
        result = part.measure(options, say)
    except CaliError as error:
        say(f"not carried out: {error}")
        return 1
    result = {"machine": machine(), **result}
    path = run_folder(os.environ) / "bench.json"
    keep(path, options.only, result)
    say(f"\n{part.render(result)}\n\n{json.dumps(result['machine'])}\nall figures: {path}")
    return 0


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def keep(path: Path, part: str, result: object) -> None:
    """Write a part's result into the file, beside what other parts have written there."""
    results = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results | {part: result}, indent=2) + "\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=sorted(PARTS), default="throughput", help="what to measure (%(default)s)")
    parser.add_argument("--records", type=_natural, nargs="+", default=[10_000, 100_000], help="how many (%(default)s)")
    parser.add_argument("--shards", type=_natural, nargs="+", default=[1, 4, 16], help="of the stream (%(default)s)")
    parser.add_argument("--rounds", type=_natural, default=5, help="pairs of runs, for the medians (%(default)s)")
    return parser.parse_args(arguments)


def _natural(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
