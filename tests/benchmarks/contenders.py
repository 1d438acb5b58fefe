"""Who reads the stream: CALI, and what a user would write or pick instead. Each run has a process of its own."""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from include import streams
from include.adapters.kinesis import BotoStreamReader
from include.adapters.object_store import S3ObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.errors import ConservationError, TransientError
from include.ledger.memory import InMemoryLedger
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.records import utc_now
from local.settings import ROOT
from tests.benchmarks.baseline import plain_loop
from tests.benchmarks.environment import environment
from tests.benchmarks.rivals.child import BUCKET_VARIABLE
from tests.benchmarks.run import Order, Run, Stopwatch
from tests.benchmarks.servers import BUCKET, Emulators

HINTS = BufferHints()
LONGEST_S = 900.0
"""Of a rival's run, by the clock."""
TOLD = 500
"""How many characters of a rival's last words an error tells."""
Contender = Callable[[Emulators, Order], Run]
Work = Callable[[Any, Any, Order], int]


def platform(kinesis: Any, s3: Any, order: Order) -> int:
    """Drain and validate the whole stream with the library's own stages; return how many records it read."""
    ledger, store, read = InMemoryLedger(), S3ObjectStore(s3, BUCKET), 0
    source = ShardSource(order.kind, order.stream, BotoStreamReader(kinesis), utc_now, time.sleep)
    place = Workplace(streams.get(order.kind), store, ledger, "bench", utc_now)
    while drained := drain(source, store, ledger, DrainRequest("bench", HINTS)).records:
        judged = validate_pending(place).counts
        if judged["valid"] + judged["dead_lettered"] != drained:
            raise ConservationError(f"{drained} records drained, but judged: {judged}")
        read += drained
    return read


def plain(kinesis: Any, s3: Any, order: Order) -> int:
    """Do it as a user would; return how many records it read."""
    return plain_loop(kinesis, s3, BUCKET, order.stream, streams.get(order.kind).model)


def forked(work: Work) -> Contender:
    """Return the contender that does the work in a fork of this process, which has imported everything.

    It raises ConservationError where the work did not read each record.
    """

    def contend(servers: Emulators, order: Order) -> Run:
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as own:
            run = own.submit(_timed, servers, work, order).result()
        if run.records != order.records:
            raise ConservationError(f"{work.__name__} read {run.records} of {order.records} records")
        return run

    return contend


def apart(rival: str, python: Path) -> Contender:
    """Return the contender that is a module of ``tests/benchmarks/rivals``, run by that Python.

    It raises TransientError where the rival failed, with the process's last words, or read nothing.
    """

    def contend(servers: Emulators, order: Order) -> Run:
        with tempfile.TemporaryDirectory(prefix="cali-bench-") as folder:
            report = Path(folder) / "run.json"
            command = [python, "-m", f"tests.benchmarks.rivals.{rival}", order.kind, order.stream, str(order.records)]
            try:
                ended = subprocess.run(
                    [*command, report],
                    cwd=ROOT,
                    env=_surroundings(servers),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=LONGEST_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise TransientError(f"it did not end within {LONGEST_S:.0f} s") from None
            if ended.returncode or not report.exists():
                raise TransientError(f"it ended with {ended.returncode}: …{ended.stdout.strip()[-TOLD:]}")
            run = Run(**json.loads(report.read_text()))
        if not run.records:
            raise TransientError("it read nothing")
        return run

    return contend


def rivals(folder: Path) -> dict[str, Callable[[], Contender]]:
    """Return, by its name in the result, what makes each rival ready, with environments kept in ``folder``.

    Each raises TransientError where it cannot be installed.
    """
    return {
        "async_kinesis": lambda: apart("async_consumer", environment("async-kinesis", folder)),
        "kinesis_trigger": lambda: apart("polling_trigger", Path(sys.executable)),
        "dlt": lambda: apart("loading_pipeline", environment("dlt", folder)),
    }


def _timed(servers: Emulators, work: Work, order: Order) -> Run:
    # A task makes its clients once, whatever it reads.
    with closing(servers.client("kinesis")) as kinesis, closing(servers.client("s3")) as s3:
        watch = Stopwatch()
        return watch.run(work(kinesis, s3, order))


def _surroundings(servers: Emulators) -> Mapping[str, str]:
    """Return the environment in which botocore and what stands on it find the emulators, and nothing of the user's."""
    credentials = servers.kinesis.credentials
    return {
        # make hands its WORKERS on, and dlt would take that for a setting of its own.
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_") and name != "WORKERS"},
        "AWS_CONFIG_FILE": os.devnull,
        "PYTHONPATH": str(ROOT),
        BUCKET_VARIABLE: BUCKET,
        "AWS_ACCESS_KEY_ID": credentials.key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret,
        "AWS_DEFAULT_REGION": credentials.region,
        "AWS_ENDPOINT_URL_KINESIS": servers.kinesis.address,
        "AWS_ENDPOINT_URL_S3": servers.s3.address,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        # dlt would report its use to its makers.
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
