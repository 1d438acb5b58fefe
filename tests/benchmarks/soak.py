"""What 100,000 completed runs do to Airflow: to its scheduler, its pages, the way of a record; and after housekeeping.

The runs lie in Airflow's own database, older than housekeeping keeps them. Each stage looks at the same: what a turn of
the scheduler's loop takes (its own StatsD timer, without the rest), how long Airflow's pages wait for their data, and
the time from a record's put, on a stream at rest, until it is drained. Each of these records lets the drain's task come
back from the triggerer and defer again, so the stages also tell whether triggers are left behind.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from statistics import median, quantiles
from typing import Any

import psutil

from include.errors import CaliError
from local.environment import kinesis_url, process_environment
from local.servers.aws import client
from local.settings import ROOT
from tests.benchmarks.arguments import natural
from tests.benchmarks.servers import simulated_records
from tests.benchmarks.statsd import Ear, listening, turns_ms
from tests.benchmarks.whole_stack import Say, whole_stack
from tests.eventually import eventually
from tests.stack.running_stack import STREAM, RunningStack
from tests.text_table import text_table

STAGES = ("before", "full", "after")
DAYS_OLD = 4.0
"""A day more than housekeeping keeps runs."""
PAGES: Mapping[str, tuple[str, Mapping[str, str | int]]] = {
    "DAG list": ("ui/dags", {"limit": 50, "dag_runs_limit": 14}),
    "grid": (f"ui/grid/runs/{STREAM}_process", {"limit": 50, "order_by": "-run_after"}),
    "runs of a DAG": (f"api/v2/dags/{STREAM}_drain/dagRuns", {"limit": 50, "order_by": "-run_after"}),
    "all runs": ("api/v2/dags/~/dagRuns", {"limit": 50, "order_by": "-run_after"}),
    "all tasks": ("api/v2/dags/~/dagRuns/~/taskInstances", {"limit": 50, "order_by": "-start_date"}),
    "audit log": ("api/v2/eventLogs", {"limit": 50, "order_by": "-when"}),
    "dashboard": ("ui/dashboard/dag_stats", {}),
}
PAGE_SAMPLES = 7
HOUSEKEEPING_S = 1_800.0
TABLES = ("dag_run", "task_instance", "xcom", "log", "asset_event", "trigger")
LEFT_BEHIND = """select count(*)::int as n from trigger
                 where not exists (select 1 from task_instance where trigger_id = trigger.id)"""
AT_REST = "select 1 from task_instance where dag_id = %(dag)s and state = 'deferred' and trigger_id is not null"


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add the options of this part."""
    parser.add_argument("--soak-runs", type=natural, default=100_000, help="completed runs (%(default)s)")
    parser.add_argument("--soak-records", type=natural, default=30, help="records put in each stage (%(default)s)")


def measure(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Look at a stack of its own, fill its metadata, look again, let housekeeping run, and look once more.

    Raises:
        CaliError: the stack did not start, or what was waited for did not come.
    """
    with listening() as ear, whole_stack("low_latency", say, **ear.variables) as running:
        before = look(running, ear, options.soak_records)
        say(f"inserting {options.soak_runs:,} runs")
        rows_added = fill(running, options.soak_runs)
        full = look(running, ear, options.soak_records)
        say(f"housekeeping, over {full['rows']}")
        housekeeping_s, rows_removed = clean(running)
        after = look(running, ear, options.soak_records)
    stages = dict(zip(STAGES, (before, full, after), strict=True))
    told = {"housekeeping_s": housekeeping_s, "rows_added": rows_added, "rows_removed": rows_removed}
    return {"runs": options.soak_runs, "records": options.soak_records, **stages, **told}


def look(running: RunningStack, ear: Ear, records: int) -> dict[str, Any]:
    """Return how the stack is now."""
    ear.forget()
    drained = [
        drained_s(running, record) for record in islice(simulated_records(STREAM, random.randrange(1 << 30)), records)
    ]
    turns = turns_ms(ear.heard)
    pages = {name: page_ms(running, name) for name in PAGES}
    runner = psutil.Process(running.process("triggerer").children()[0].pid)
    return {
        "turn_ms": {"turns": len(turns), "p50": median(turns), "p95": quantiles(turns, n=20)[-1], "max": max(turns)},
        "page_ms": pages,
        "drained_s": {"p50": median(drained), "max": max(drained)},
        "rows": {table: _rows(running, table) for table in TABLES},
        "database_mb": running.metadata("select pg_database_size(current_database()) as size")[0]["size"] / 1e6,
        "triggers_left_behind": running.metadata(LEFT_BEHIND)[0]["n"],
        "triggers_running": _last(ear, "triggers.running"),
        "triggerer": {
            "rss_mb": runner.memory_info().rss / 1e6,
            "files": runner.num_fds(),
            "threads": runner.num_threads(),
        },
    }


def drained_s(running: RunningStack, record: bytes) -> float:
    """Put a record when the drain waits in the triggerer; return the seconds until the ledger has it."""
    drain = {"dag": f"{STREAM}_drain"}
    eventually(lambda: running.metadata(AT_REST, **drain), 60, lambda: running.metadata(AT_REST, **drain))
    # Not in step with whoever polls.
    time.sleep(random.random())
    settings, before = running.settings, running.counts()["drained"]
    with closing(client("kinesis", kinesis_url(settings), settings.credentials)) as kinesis:
        began = time.monotonic()
        kinesis.put_record(StreamName=STREAM, Data=record, PartitionKey=str(began))
    eventually(lambda: running.counts()["drained"] > before, 120, running.counts, poll_s=0.02)
    return time.monotonic() - began


def page_ms(running: RunningStack, name: str) -> float:
    """Return the median time in which Airflow answers what one of its pages asks, after a first answer."""
    path, query = PAGES[name]
    took = []
    for _ in range(PAGE_SAMPLES + 1):
        began = time.monotonic()
        running.airflow.page(path, **query)
        took.append((time.monotonic() - began) * 1000)
    return median(took[1:])


def fill(running: RunningStack, runs: int) -> dict[str, int]:
    """Insert completed runs into Airflow's own database; return how many rows each table got.

    Raises:
        CaliError: they could not be inserted.
    """
    ran = subprocess.run(
        (sys.executable, "-m", "tests.benchmarks.soak_runs", str(runs), str(DAYS_OLD)),
        env=process_environment(running.settings, running.environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise CaliError(f"the runs could not be inserted:\n{ran.stderr[-2000:]}")
    rows: dict[str, int] = json.loads(ran.stdout.splitlines()[-1])
    return rows


def clean(running: RunningStack) -> tuple[float, dict[str, int]]:
    """Let the housekeeping DAG run; return how long its work on the metadata took, and the rows that it removed.

    Raises:
        CaliError: its run failed.
    """
    run_id = running.airflow.trigger("housekeeping", dry_run=False)
    if running.airflow.wait_for_run("housekeeping", run_id, HOUSEKEEPING_S) != "success":
        raise CaliError(f"housekeeping failed: {running.airflow.tasks('housekeeping', run_id)}")
    path = f"dags/housekeeping/dagRuns/{run_id}/taskInstances/metadata"
    removed: dict[str, int] = running.airflow.get(f"{path}/xcomEntries/return_value")["value"]
    return float(running.airflow.get(path)["duration"]), removed


def render(result: Mapping[str, Any]) -> str:
    """Return the stages side by side."""
    heads = [["", *STAGES]]
    rows = [[name, *(shown(result[stage]) for stage in STAGES)] for name, shown in _lines()]
    removed = ", ".join(f"{table} {count:,}" for table, count in result["rows_removed"].items())
    return (
        f"{text_table(heads, rows)}\n\nhousekeeping cleaned the metadata in {result['housekeeping_s']:.0f} s: {removed}"
    )


def _lines() -> Iterator[tuple[str, Callable[[Mapping[str, Any]], str]]]:
    yield "runs", lambda stage: f"{stage['rows']['dag_run']:,}"
    yield "database, MB", lambda stage: f"{stage['database_mb']:,.0f}"
    for quantile in ("p50", "p95"):
        yield f"turn of the scheduler's loop, {quantile}, ms", lambda stage, of=quantile: f"{stage['turn_ms'][of]:.0f}"
    for name in PAGES:
        yield f"{name}, ms", lambda stage, of=name: f"{stage['page_ms'][of]:.0f}"
    yield "put to drained, p50, s", lambda stage: f"{stage['drained_s']['p50']:.2f}"
    yield "triggers left behind", lambda stage: str(stage["triggers_left_behind"])
    yield "triggers running", lambda stage: f"{stage['triggers_running']:.0f}"
    yield "triggerer, MB", lambda stage: f"{stage['triggerer']['rss_mb']:.0f}"
    yield "triggerer, open files", lambda stage: str(stage["triggerer"]["files"])


def _rows(running: RunningStack, table: str) -> int:
    return int(running.metadata(f"select count(*) as n from {table}")[0]["n"])  # noqa: S608 - one of TABLES


def _last(ear: Ear, gauge: str) -> float:
    return [metric.value for metric in ear.heard if metric.name.startswith(gauge)][-1]
