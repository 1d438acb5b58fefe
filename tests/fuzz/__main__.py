"""Put fuzzed records through drain and validation, and prove that each is accepted or kept, byte for byte, once.

``python -m tests.fuzz --records 1000000 --seed 1``. A finding names its batch; ``--batch`` repeats that one alone.
Exit codes: 0 it holds; 1 something is wrong; 2 an option is wrong.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.fuzz.payloads import pools
from tests.fuzz.table import render
from tests.fuzz.trial import Tally, trial
from tests.poison import bombs

BATCH = 1_000
"""Records of a batch; the number of records is rounded up to whole ones."""
MOST_JOBS = 2
TELL_S = 5.0
SHOWN = 10


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    numbers = range(-(-options.records // BATCH)) if options.batch is None else [options.batch]
    began, total = time.monotonic(), Tally()
    for tally in _told(_tallies(options.seed, numbers, options.jobs), len(numbers), began):
        total.add(tally)
    sys.stdout.write(f"\n{render(total)}\n\n")
    for finding in total.findings[:SHOWN]:
        sys.stdout.write(f"WRONG  {finding}\n")
    seconds = time.monotonic() - began
    result = f"{len(total.findings)} FINDINGS" if total.findings else "nothing lost, doubled, changed or misjudged"
    sys.stdout.write(
        f"{total.records.total():,} records in {seconds:.0f} s, {total.records.total() / seconds:,.0f} a second;"
        f" seed {options.seed}, SHA-256 of all events {total.digest[:16]}: {result}\n"
    )
    return 1 if total.findings else 0


def _tallies(seed: int, numbers: Iterable[int], jobs: int) -> Iterator[Tally]:
    """Yield the batches' results in the order of their numbers, whoever was faster."""
    one = partial(trial, seed, size=BATCH)
    if jobs == 1:
        yield from map(one, numbers)
        return
    # Made once here rather than in every child.
    pools(seed)
    bombs()
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(one, numbers, chunksize=4)


def _told(tallies: Iterable[Tally], batches: int, began: float) -> Iterator[Tally]:
    """Say every few seconds how far it is."""
    told, findings = began, 0
    for number, tally in enumerate(tallies, 1):
        yield tally
        findings += len(tally.findings)
        if time.monotonic() - told >= TELL_S or number == batches:
            told = time.monotonic()
            sys.stdout.write(f"{told - began:6.0f} s  {number:,} of {batches:,} batches, {findings} findings\n")
            sys.stdout.flush()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--records", type=_natural, default=1_000_000, help=f"how many, in batches of {BATCH:,} (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="repeats all records (%(default)s)")
    parser.add_argument("--batch", type=int, help="only the batch of this number")
    jobs = min(MOST_JOBS, os.cpu_count() or 1)
    parser.add_argument("--jobs", type=_natural, default=jobs, help="processes; the result is the same (%(default)s)")
    return parser.parse_args(arguments)


def _natural(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
