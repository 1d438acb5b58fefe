"""The process of a rival: what it is told comes as arguments, what it took goes into a file.

Where Kinesis and S3 are, and the key to both, are in the environment, in the variables that botocore itself reads.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.run import Order, Run

BUCKET_VARIABLE = "BENCH_BUCKET"
QUIET_S = 15.0
"""What waits for more records for ever gives up after so long without one."""


def carry_out(read: Callable[[Order], Run]) -> None:
    """Let ``read`` do what the command line says."""
    kind, stream, records, report = sys.argv[1:]
    run = read(Order(kind, stream, int(records)))
    Path(report).write_text(json.dumps(asdict(run)))
