"""Records per CPU second from GetRecords' answer to raw/, staged/ and dlq/ on S3, beside a plain boto3 loop.

CPU is user and system time of the process that does the work, all threads; the emulators are other processes. Each run
has a process of its own, forked from one that has imported everything, as LocalExecutor's workers are. The ledger is
the in-memory one: Postgres costs a batch the same few statements however many records it has.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from include.adapters.kinesis import BotoStreamReader
from include.adapters.object_store import S3ObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.errors import ConservationError
from include.ledger.memory import InMemoryLedger
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.records import utc_now
from include.streams.logs import STREAM
from tests.benchmarks.arguments import natural
from tests.benchmarks.baseline import GZIP_LEVEL, plain_loop
from tests.benchmarks.servers import BUCKET, MALFORMED_RATE, RECORD_BYTES, Emulators, emulators, filled_stream
from tests.crash.child import warm_parent
from tests.text_table import text_table

GOAL = 100_000
"""Records per CPU second that one worker is to reach."""
HINTS = BufferHints()
Work = Callable[[Any, Any, str], int]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run took, in seconds."""

    records: int
    cpu_s: float
    wall_s: float

    @property
    def rate(self) -> float:
        """Records per CPU second."""
        return self.records / self.cpu_s


def platform(kinesis: Any, s3: Any, stream: str) -> int:
    """Drain and validate the whole stream with the library's own stages; return how many records it read."""
    ledger, store, read = InMemoryLedger(), S3ObjectStore(s3, BUCKET), 0
    source = ShardSource(STREAM.name, stream, BotoStreamReader(kinesis), utc_now, time.sleep)
    place = Workplace(STREAM, store, ledger, "bench", utc_now)
    while drained := drain(source, store, ledger, DrainRequest("bench", HINTS)).records:
        judged = validate_pending(place).counts
        if judged["valid"] + judged["dead_lettered"] != drained:
            raise ConservationError(f"{drained} records drained, but judged: {judged}")
        read += drained
    return read


def plain(kinesis: Any, s3: Any, stream: str) -> int:
    """Do it as a user would; return how many records it read."""
    return plain_loop(kinesis, s3, BUCKET, stream)


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add which sizes to measure, and how often."""
    parser.add_argument("--records", type=natural, nargs="+", default=[10_000, 100_000], help="how many (%(default)s)")
    parser.add_argument("--shards", type=natural, nargs="+", default=[1, 4, 16], help="of the stream (%(default)s)")
    parser.add_argument("--rounds", type=natural, default=5, help="pairs of runs, for the medians (%(default)s)")


def measure(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure every size with every number of shards.

    Raises:
        ConservationError: a run did not read or judge each record once.
        TransientError: an emulator did not start or take the records.
    """
    sizes = [(records, shards) for records in options.records for shards in options.shards]
    settings = {
        "record_bytes": RECORD_BYTES,
        "malformed_rate": MALFORMED_RATE,
        "rounds": options.rounds,
        "batch": f"{HINTS.max_records} records or {HINTS.max_bytes} bytes",
        "plain": f"gzip level {GZIP_LEVEL}",
    }
    warm_parent()
    with tempfile.TemporaryDirectory(prefix="cali-bench-") as folder, emulators(Path(folder)) as servers:
        rows = [_compared(servers, records, shards, options.rounds, say) for records, shards in sizes]
    return {"settings": settings, "goal": GOAL, "rows": rows}


def render(result: Mapping[str, Any]) -> str:
    """Return the rows as a table of medians."""
    heads = [["records, shards", "CALI", "plain loop", "times", "CALI", "plain loop"]]
    heads.append(["", "records/CPU s", "records/CPU s", "", "wall s", "wall s"])
    rows = [
        [
            f"{row['records']:,}, {row['shards']}",
            f"{row['rate']:,.0f}",
            f"{row['plain_rate']:,.0f}",
            f"{row['ratio']:.1f}",
            f"{row['wall_s']:.2f}",
            f"{row['plain_wall_s']:.2f}",
        ]
        for row in result["rows"]
    ]
    reached = max(row["rate"] for row in result["rows"]) / result["goal"]
    return f"{text_table(heads, rows)}\n\nthe goal is {result['goal']:,} records per CPU second: {reached:.0%} at best"


def _compared(servers: Emulators, records: int, shards: int, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    with filled_stream(servers, records, shards) as stream:
        # Pairs, one right after the other: what else the machine does meets both alike.
        pairs = [[_run(servers, work, stream, records) for work in (platform, plain)] for _ in range(rounds)]
    ours, theirs = zip(*pairs, strict=True)
    row = {
        "records": records,
        "shards": shards,
        "rate": median(run.rate for run in ours),
        "plain_rate": median(run.rate for run in theirs),
        "ratio": median(one.rate / other.rate for one, other in pairs),
        "wall_s": median(run.wall_s for run in ours),
        "plain_wall_s": median(run.wall_s for run in theirs),
        "runs": [[asdict(run) for run in pair] for pair in pairs],
    }
    say(f"{records:,} records, {shards} shards: {row['rate']:,.0f} and {row['plain_rate']:,.0f} per CPU second")
    return row


def _run(servers: Emulators, work: Work, stream: str, records: int) -> Run:
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as own:
        run = own.submit(_timed, servers, work, stream).result()
    if run.records != records:
        raise ConservationError(f"{work.__name__} read {run.records} of {records} records")
    return run


def _timed(servers: Emulators, work: Work, stream: str) -> Run:
    # A task makes its clients once, whatever it reads.
    with closing(servers.client("kinesis")) as kinesis, closing(servers.client("s3")) as s3:
        cpu, wall = time.process_time(), time.monotonic()
        records = work(kinesis, s3, stream)
        return Run(records, time.process_time() - cpu, time.monotonic() - wall)
