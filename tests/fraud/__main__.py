"""Hold the fraud rules against made-up transactions whose fraud is known, and cut the stream in several ways.

``python -m tests.fraud --records 1000000 --seed 1``. The rules never see the labels; the table's verdicts must not
depend on the size of the batches, on their order, or on whether they come again.
Exit codes: 0 the goals are met and all cuts agree; 1 not; 2 an option is wrong.
"""

import argparse
import os
import sys
import time
from random import Random

from include.streams.transactions.cards import KEY_VARIABLE
from include.streams.transactions.table_memory import InMemoryTransactionTable
from tests.fraud.trial import Material, Score, Verdicts, load, material, score

RECALL, PRECISION = 0.95, 0.90
"""The goals."""
TELL_S = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    os.environ.setdefault(KEY_VARIABLE, "0" * 32)
    made = material(options.records, options.rate, options.seed, options.fraud_rate)
    span_h = options.records / options.rate / 3_600
    _say(f"{options.records:,} records over {span_h:.1f} h, {made.transactions:,} transactions, seed {options.seed}")
    verdicts = {f"batches of {size:,}": _judged(made, size) for size in options.batches}
    verdicts["shuffled, then replayed"] = _disturbed(made, max(options.batches), options.seed)
    first, *others = verdicts.values()
    agree = all(other == first for other in others)
    result = score(made.labels, first)
    _say(_render(result))
    _say(f"{len(verdicts)} ways to cut the stream {'agree' if agree else 'DO NOT AGREE'}: {', '.join(verdicts)}")
    return 0 if agree and result.recall >= RECALL and result.precision >= PRECISION else 1


def _judged(made: Material, size: int) -> Verdicts:
    table, began, told = InMemoryTransactionTable(), time.monotonic(), time.monotonic()
    for done in load(made.rows, table, size):
        if time.monotonic() - told > TELL_S:
            told = time.monotonic()
            _say(f"  batches of {size:,}: {done:,} of {made.rows.num_rows:,}")
    _say(f"  batches of {size:,}: {1e6 * (time.monotonic() - began) / made.rows.num_rows:.0f} µs a transaction")
    return table.rules


def _disturbed(made: Material, size: int, seed: int) -> Verdicts:
    """Load neighbouring batches in the wrong order, and all of them once more."""
    table, rng = InMemoryTransactionTable(), Random(seed)
    begins = list(range(0, made.rows.num_rows, size))
    for pair in range(0, len(begins) - 1, 2):
        if rng.getrandbits(1):
            begins[pair : pair + 2] = begins[pair + 1], begins[pair]
    for begin in begins:
        for _ in load(made.rows.slice(begin, size), table, size):
            pass
    for _ in load(made.rows, table, size):
        pass
    return table.rules


def _render(result: Score) -> str:
    lines = [
        f"recall    {result.recall:.4f}  ({result.found:,} of {result.fraudulent:,} fraudulent ones; {RECALL} wanted)",
        f"precision {result.precision:.4f}  ({result.false:,} innocent ones suspected; {PRECISION} wanted)",
        *(f"  {pattern:<18} recall {share:.4f}" for pattern, share in result.recall_by_pattern.items()),
        *(f"  {rule:<18} suspected {count:,} innocent ones" for rule, count in result.false_by_rule.items()),
    ]
    return "\n".join(lines)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fraud", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="(%(default)s)")
    parser.add_argument("--rate", type=float, default=20.0, help="records a second of their own time (%(default)s)")
    parser.add_argument("--fraud-rate", type=float, default=0.005, help="share of fraudulent ones (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--batches", type=int, nargs="+", default=[10_000, 500, 1], help="sizes (%(default)s)")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
