"""Records per CPU second from GetRecords' answer to raw/, staged/ and dlq/ on S3, beside what else a user could take.

CPU is user and system time of the process that does the work, all threads and children; the emulators are other
processes. CALI's and the boto3 loop's runs are forked from a process that has imported everything, as LocalExecutor's
workers are; the rivals count from where they have imported everything. CALI's ledger is the in-memory one: Postgres
costs a batch the same few statements however many records it has.
"""

import argparse
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from include import streams
from include.errors import TransientError
from include.streams.transactions.cards import KEY_VARIABLE
from local.settings import run_folder
from tests.benchmarks.arguments import natural
from tests.benchmarks.baseline import GZIP_LEVEL
from tests.benchmarks.contenders import HINTS, Contender, forked, plain, platform, rivals
from tests.benchmarks.run import Order, Run
from tests.benchmarks.servers import MALFORMED_RATE, Emulators, emulators, filled_stream
from tests.crash.child import warm_parent
from tests.text_table import text_table

OURS = "cali"
TITLES = {
    OURS: "CALI",
    "boto3_loop": "boto3 loop",
    "async_kinesis": "async-kinesis",
    "kinesis_trigger": "KinesisTrigger",
    "dlt": "dlt",
}
"""The contenders, by their name in the result, in the order of a round."""
GOAL = 100_000
"""Records per CPU second that one worker of CALI's is to carry."""
GOALS = {"boto3_loop": 3, "async_kinesis": 4, "dlt": 12}
"""How many times what the others carry."""
ALWAYS: Mapping[str, Contender] = {OURS: forked(platform), "boto3_loop": forked(plain)}
Say = Callable[[str], None]
Round = Mapping[str, Run]


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add which sizes to measure, and how often."""
    parser.add_argument("--records", type=natural, nargs="+", default=[10_000, 100_000], help="how many (%(default)s)")
    parser.add_argument("--shards", type=natural, nargs="+", default=[1, 4, 16], help="of the stream (%(default)s)")
    parser.add_argument("--rounds", type=natural, default=5, help="runs of each, for the medians (%(default)s)")
    parser.add_argument(
        "--rivals-up-to",
        type=int,
        default=100_000,
        metavar="RECORDS",
        help="the largest size that all join, not only CALI and the boto3 loop; 0: none (%(default)s)",
    )


def measure(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Measure every stream that can be simulated in every size with every number of shards.

    Raises:
        ConservationError: CALI or the boto3 loop did not read or judge each record once.
        TransientError: an emulator did not start or take the records.
    """
    settings = {
        "malformed_rate": MALFORMED_RATE,
        "rounds": options.rounds,
        "batch": f"{HINTS.max_records} records or {HINTS.max_bytes} bytes",
        "gzip_level": GZIP_LEVEL,
        "rivals_up_to": options.rivals_up_to,
    }
    # What is read of cards becomes tokens; whoever works is forked from here.
    os.environ.setdefault(KEY_VARIABLE, secrets.token_hex(16))
    warm_parent()
    field = Field(say, ALWAYS)
    if min(options.records) <= options.rivals_up_to:
        field.join(rivals(run_folder(os.environ) / "bench"))
    with tempfile.TemporaryDirectory(prefix="cali-bench-") as folder, emulators(Path(folder)) as servers:
        rows = [
            _row(servers, field, (kind, records, shards), options)
            for kind in streams.names()
            for records in options.records
            for shards in options.shards
        ]
    return {
        **_headline(rows, options.rivals_up_to),
        "goals": {OURS: GOAL, **GOALS},
        "absent": field.absent,
        "settings": settings,
        "rows": rows,
    }


def render(result: Mapping[str, Any]) -> str:
    """Return the rows as a table of medians, the goals, and what there is to say of a contender."""
    heads = [["records per CPU second", *(TITLES[name] for name in TITLES)]]
    heads.append(["stream, records, shards", *("" if name == OURS else "(CALI, times)" for name in TITLES)])
    rows = [
        [f"{row['stream']}, {row['records']:,}, {row['shards']}", *(_cell(row, name) for name in TITLES)]
        for row in result["rows"]
    ]
    return "\n\n".join([text_table(heads, rows), _goals(result), *_remarks(result)])


class Field:
    """Who takes part, and why who does not."""

    def __init__(self, say: Say, always: Mapping[str, Contender]) -> None:
        self.say = say
        self.absent: dict[str, str] = {}
        self._always = frozenset(always)
        self._present = dict(always)

    def join(self, newcomers: Mapping[str, Callable[[], Contender]]) -> None:
        """Make the newcomers ready; one that cannot be installed stays out."""
        for name, prepared in newcomers.items():
            self.say(f"{TITLES[name]}: making it ready")
            try:
                self._present[name] = prepared()
            except TransientError as error:
                self._leave_out(name, error)

    def round(self, servers: Emulators, order: Order, names: Iterable[str]) -> Round:
        """Let those contend, one right after the other: what else the machine does meets all alike."""
        runs = {name: self._run(name, servers, order) for name in names if name in self._present}
        return {name: run for name, run in runs.items() if run}

    def _run(self, name: str, servers: Emulators, order: Order) -> Run | None:
        """Return a contender's run; a rival that fails takes no further part, and that is said."""
        try:
            return self._present[name](servers, order)
        except TransientError as error:
            if name in self._always:
                raise
            self._leave_out(name, error)
            return None

    def _leave_out(self, name: str, error: TransientError) -> None:
        self._present.pop(name, None)
        self.absent[name] = str(error)
        self.say(f"{TITLES[name]} takes no further part: {error}")


def _row(servers: Emulators, field: Field, size: tuple[str, int, int], options: argparse.Namespace) -> dict[str, Any]:
    kind, records, shards = size
    names = TITLES if records <= options.rivals_up_to else ALWAYS
    with filled_stream(servers, kind, records, shards) as stream:
        order = Order(kind, stream.name, records)
        rounds = [field.round(servers, order, names) for _ in range(options.rounds)]
    row = {
        "stream": kind,
        "records": records,
        "record_bytes": stream.record_bytes,
        "shards": shards,
        **_medians(rounds, records),
        "runs": [{name: asdict(run) for name, run in runs.items()} for runs in rounds],
    }
    field.say(f"{kind}, {records:,} records, {shards} shards: {row['rates']}")
    return row


def _medians(rounds: Sequence[Round], records: int) -> dict[str, dict[str, float]]:
    """Return what each contender that finished every round came to."""
    runs = {name: [one[name] for one in rounds] for name in rounds[-1]}
    return {
        "rates": {name: median(run.rate for run in own) for name, own in runs.items()},
        "ratios": {
            name: median(ours.rate / run.rate for ours, run in zip(runs[OURS], own, strict=True))
            for name, own in runs.items()
            if name != OURS
        },
        "wall_s": {name: median(run.wall_s for run in own) for name, own in runs.items()},
        "missed": {name: max(records - run.records for run in own) for name, own in runs.items()},
        "repeated": {name: max(run.repeated for run in own) for name, own in runs.items()},
    }


def _headline(rows: Sequence[Mapping[str, Any]], rivals_up_to: int) -> dict[str, Any]:
    """Return the rates of the largest size that all joined: of the first stream, with the fewest shards."""
    joined = [row for row in rows if row["stream"] == rows[0]["stream"] and row["records"] <= rivals_up_to] or rows
    row = max(joined, key=lambda row: (row["records"], -row["shards"]))
    return {
        **{name: row["rates"].get(name) for name in TITLES},
        "ratios": row["ratios"],
        "size": {key: row[key] for key in ("stream", "record_bytes", "records", "shards")},
    }


def _cell(row: Mapping[str, Any], name: str) -> str:
    if name not in row["rates"]:
        return "-"
    times = f" ({row['ratios'][name]:.1f})" if name in row["ratios"] else ""
    return f"{row['rates'][name]:,.0f}{times}"


def _goals(result: Mapping[str, Any]) -> str:
    size = "{stream}, {records:,} records, {shards} shards".format(**result["size"])
    rows = [["CALI's records per CPU second", f"{result['goals'][OURS]:,}", f"{result[OURS]:,.0f}"]]
    for name, goal in result["goals"].items():
        if name != OURS:
            times = result["ratios"].get(name)
            rows.append([f"times {TITLES[name]}", str(goal), f"{times:.1f}" if times else "-"])
    return text_table([[size, "goal", "measured"]], rows)


def _remarks(result: Mapping[str, Any]) -> Iterator[str]:
    for name, reason in result["absent"].items():
        yield f"{TITLES[name]} took no part, or not to the end: {reason}"
    for row in result["rows"]:
        for name in row["rates"]:
            if row["missed"][name] or row["repeated"][name]:
                missed, repeated = row["missed"][name], row["repeated"][name]
                yield f"{TITLES[name]} missed {missed:,} of {row['records']:,} records and repeated {repeated:,}"
