"""Whether a record costs the same, and a worker no more memory, however long the backlog is.

The backlog comes from a stand-in for Kinesis that makes it up. CALI drains and validates it in a fork, as in
``throughput``; before and after each run the boto3 loop reads a short one, a yardstick for what else the machine does.
"""

import argparse
import multiprocessing
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, median
from typing import Any

from include.errors import ConservationError
from local.servers.aws import client
from local.servers.object_store import ObjectStore
from local.servers.server import running
from tests.benchmarks.arguments import natural
from tests.benchmarks.contenders import HINTS, Work, plain, platform
from tests.benchmarks.endless_kinesis import ANYBODY, PAGE, endless_kinesis
from tests.benchmarks.run import Order, Run, Stopwatch
from tests.benchmarks.servers import BUCKET, MALFORMED_RATE
from tests.benchmarks.throughput import Say
from tests.crash.child import warm_parent
from tests.crash.site import free_ports
from tests.text_table import text_table

KIND = "logs"
YARDSTICK = 2 * PAGE
"""Records that the boto3 loop reads."""
STATUS = Path("/proc/self/status")
FORGET_PEAK = "5"
"""What /proc/self/clear_refs takes to set the process's highest memory back to its present one (proc(5))."""


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add how long the backlogs are, and how often each is drained."""
    sizes = [10_000, 100_000, 1_000_000, 10_000_000]
    parser.add_argument("--backlogs", type=natural, nargs="+", default=sizes, help="records (%(default)s)")
    parser.add_argument("--backlog-rounds", type=natural, default=3, help="runs up to a million (%(default)s)")


def measure(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Drain each backlog, those of more than a million once.

    Raises:
        ConservationError: not every record was read and judged once.
        TransientError: S3's emulator did not start.
    """
    warm_parent()
    rows = []
    for records in options.backlogs:
        whole = -(-records // PAGE) * PAGE
        rounds = options.backlog_rounds if whole <= 1_000_000 else 1
        rows.append(_row(whole, [_round(whole) for _ in range(rounds)]))
        say(f"{whole:,} records: {rows[-1]['rate']:,.0f} records per CPU second")
    settings = {"stream": KIND, "malformed_rate": MALFORMED_RATE, "batch": f"{HINTS.max_records} records"}
    return {"settings": settings, "rows": rows}


def render(result: Mapping[str, Any]) -> str:
    """Return the rows as a table."""
    heads = [
        ["records", "records per", "times", "memory at", "batches"],
        ["", "CPU second", "boto3 loop", "most, MB", ""],
    ]
    rows = [
        [
            f"{row['records']:,}",
            f"{row['rate']:,.0f}",
            f"{row['times']:.2f}",
            f"+{row['grown_mb']:.0f}",
            f"{row['batches']:,}",
        ]
        for row in result["rows"]
    ]
    return text_table(heads, rows)


def _round(records: int) -> dict[str, Any]:
    """Return a run of CALI's, its memory, and what the boto3 loop did before and after it."""
    with tempfile.TemporaryDirectory(prefix="cali-bench-") as folder, _object_store(Path(folder)) as s3:
        before, _ = _run(YARDSTICK, plain, s3)
        run, grown = _run(records, platform, s3)
        after, _ = _run(YARDSTICK, plain, s3)
    return {"cali": asdict(run), "rate": run.rate, "grown_mb": grown, "boto3_loop": [before.rate, after.rate]}


def _row(records: int, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "records": records,
        "batches": -(-records // HINTS.max_records),
        "rate": median(one["rate"] for one in rounds),
        "times": median(one["rate"] / fmean(one["boto3_loop"]) for one in rounds),
        "grown_mb": max(one["grown_mb"] for one in rounds),
        "runs": rounds,
    }


@contextmanager
def _object_store(folder: Path) -> Iterator[ObjectStore]:
    server = ObjectStore(folder / "s3", free_ports(1)[0], ANYBODY)
    with running(server, folder / "s3.log"):
        with closing(client("s3", server.address, ANYBODY, patient=True)) as bucket:
            bucket.create_bucket(Bucket=BUCKET)
        yield server


def _run(records: int, work: Work, s3: ObjectStore) -> tuple[Run, float]:
    """Return a run in a fork, and by how many MB that process grew at most."""
    with (
        endless_kinesis(KIND, records) as kinesis,
        ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as own,
    ):
        run, grown = own.submit(_timed, kinesis, s3, work, records).result()
    if run.records != records:
        raise ConservationError(f"{work.__name__} read {run.records} of {records} records")
    return run, grown


def _timed(kinesis: str, s3: ObjectStore, work: Work, records: int) -> tuple[Run, float]:
    with (
        closing(client("kinesis", kinesis, ANYBODY, patient=True)) as stream,
        closing(client("s3", s3.address, s3.credentials, patient=True)) as store,
    ):
        Path("/proc/self/clear_refs").write_text(FORGET_PEAK)
        begin = _memory_mb("VmRSS")
        watch = Stopwatch()
        run = watch.run(work(stream, store, Order(KIND, "backlog", records)))
        return run, _memory_mb("VmHWM") - begin


def _memory_mb(field: str) -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024
