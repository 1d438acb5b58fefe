"""Measure what the platform costs, beside what a user would write or pick instead.

``python -m tests.benchmarks`` measures every part, ``--only throughput`` one. Tables go to the terminal and, with every
run, machine and version, into ``.run/bench.json``. Exit codes: 0 measured; 1 a part could not be carried out; 2 an
option is wrong.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from include.errors import CaliError
from local.settings import run_folder
from tests.benchmarks.machine import machine

NOT_CARRIED_OUT = 1
PARTS = {
    part: import_module(f"tests.benchmarks.{part}")
    for part in (
        "latency",
        "throughput",
        "backlog",
        "spike",
        "idle",
        "soak",
        "loading",
    )
}  # fmt: skip
"""In the order in which they are measured. Each is a module with three functions:

``add_arguments(parser)`` adds the part's own options (no two parts may share a name); ``measure(options, say)`` returns
its result as plain JSON, raising a CaliError where it cannot; ``render(result)`` returns the tables for the terminal.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    if options.only:
        return _carry_out(options.only, options)
    return max([_carry_out_apart(part, options) for part in PARTS])


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def keep(path: Path, part: str, result: object) -> None:
    """Write a part's result into the file, beside what other parts have written there."""
    results = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results | {part: result}, indent=2) + "\n")


def _carry_out(part: str, options: argparse.Namespace) -> int:
    say(f"=== {part}")
    try:
        result = PARTS[part].measure(options, say)
    except CaliError as error:
        say(f"{part} was not carried out: {error}")
        return NOT_CARRIED_OUT
    result = {"machine": machine(), **result}
    path = run_folder(os.environ) / "bench.json"
    keep(path, part, result)
    say(f"\n{PARTS[part].render(result)}\n\n{json.dumps(result['machine'])}\nall figures: {path}\n")
    return 0


def _carry_out_apart(part: str, options: argparse.Namespace) -> int:
    """Carry the part out in a process of its own, so that neither its memory nor its failure meets the next one."""
    process = multiprocessing.get_context("fork").Process(target=_exit_with, args=(part, options))
    process.start()
    process.join()
    if process.exitcode not in (0, NOT_CARRIED_OUT):
        say(f"{part} was not carried out: its process ended with {process.exitcode}")
    return NOT_CARRIED_OUT if process.exitcode else 0


def _exit_with(part: str, options: argparse.Namespace) -> None:
    sys.exit(_carry_out(part, options))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=list(PARTS), help="the one part to measure; without it, all of them")
    for name, part in PARTS.items():
        part.add_arguments(parser.add_argument_group(name))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
