"""How transactions get into Postgres: one INSERT a record, a pool of connections, or batches, at growing rates.

Each strategy loads into a database of its own, of one embedded server, what falls due at a steady rate for some
seconds. A row's commit time counts from when it fell due: what is too slow falls behind, and is broken off at the end.
CPU is that of this process and of the whole server, user and system time.
"""

import argparse
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg
import pyarrow as pa

from include.sql import query
from include.sql.migrate import upgrade
from include.streams.transactions.cards import KEY_VARIABLE
from local.servers.postgres import PostgresServer
from local.servers.server import running
from tests.benchmarks.arguments import natural
from tests.benchmarks.footprint import by_program, read
from tests.benchmarks.lines import lines_svg
from tests.benchmarks.strategies import STRATEGIES, Pace
from tests.benchmarks.whole_stack import Say
from tests.crash.site import free_ports
from tests.fraud.trial import material
from tests.text_table import text_table

RATES = (100, 500, 1_000, 2_000)
SETTLE_S = 0.2


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add the options of this part."""
    parser.add_argument("--loading-rates", type=natural, nargs="+", default=list(RATES), help="a second (%(default)s)")
    parser.add_argument("--loading-seconds", type=natural, default=20, help="for each of them (%(default)s)")
    parser.add_argument("--loading-picture", type=Path, help="write the 95th percentiles as an SVG picture")


def measure(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Measure every strategy at every rate.

    Raises:
        TransientError: Postgres did not start.
    """
    os.environ.setdefault(KEY_VARIABLE, secrets.token_hex(16))
    most = max(options.loading_rates) * options.loading_seconds
    rows = _rows(most)
    results = []
    with tempfile.TemporaryDirectory(prefix="cali-bench-") as folder:
        (port,) = free_ports(1)
        server = PostgresServer(Path(folder), port, secrets.token_hex(8))
        with running(server, Path(folder) / "postgres.log") as process:
            for rate in options.loading_rates:
                for name in STRATEGIES:
                    results.append(_measured(server, process.pid, rows, name, rate, options.loading_seconds))
                    say(_told(results[-1]))
    result = {"seconds": options.loading_seconds, "rows": results}
    if options.loading_picture:
        options.loading_picture.write_text(picture(result))
    return result


def render(result: Mapping[str, Any]) -> str:
    """Return the table."""
    heads = [["strategy", "asked/s", "rows/s", "p50 ms", "p95 ms", "client CPU µs/row", "server CPU µs/row"]]
    cells = [
        [
            row["strategy"],
            *(f"{row[name]:,.0f}" for name in ("asked", "rate", "p50_ms", "p95_ms", "client_us", "server_us")),
        ]
        for row in result["rows"]
    ]
    return text_table(heads, cells)


def picture(result: Mapping[str, Any]) -> str:
    """Return the 95th percentiles over the rates."""
    points = {
        name: [(row["asked"], row["p95_ms"]) for row in result["rows"] if row["strategy"] == name]
        for name in STRATEGIES
    }
    return lines_svg(points, "From due to committed, 95th percentile, in ms", "transactions a second")


def _rows(count: int) -> pa.Table:
    """Return so many transactions, each of them once, without a verdict."""
    rows = material(count + count // 20 + 100, 2_000, 1, 0.0).rows
    firsts: dict[str, int] = {}
    for number, tx_id in enumerate(rows.column("tx_id").to_pylist()):
        firsts.setdefault(tx_id, number)
    rows = rows.take(pa.array(list(firsts.values())[:count]))
    return rows.append_column("fraud_rules", pa.array([[]] * rows.num_rows, pa.list_(pa.string())))


def _measured(
    server: PostgresServer, pid: int, rows: pa.Table, name: str, rate: int, seconds: int
) -> dict[str, float | str]:
    database = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(server.uri(), autocommit=True) as admin:
        admin.execute(f'create database "{database}"'.encode())
    uri = server.uri(database)
    upgrade(uri)
    days = {"days": sorted({at.date() for at in rows.column("created_at").to_pylist()})}
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(query("transactions_days"), days)
        connection.execute("checkpoint")
    # Both sides count their CPU from here to the last commit.
    cpu, served = time.process_time(), _server_cpu_s(pid)
    started = time.monotonic() + SETTLE_S
    waited = STRATEGIES[name](uri, Pace(rows.slice(0, rate * seconds), rate, started, started + seconds))
    took = time.monotonic() - started
    cuts = quantiles(waited, n=100, method="inclusive")
    return {
        "strategy": name,
        "asked": rate,
        "rate": round(len(waited) / took, 1),
        "p50_ms": round(1_000 * cuts[49], 2),
        "p95_ms": round(1_000 * cuts[94], 2),
        "client_us": round(1e6 * (time.process_time() - cpu) / len(waited), 1),
        "server_us": round(1e6 * (_server_cpu_s(pid) - served) / len(waited), 1),
    }


def _server_cpu_s(pid: int) -> float:
    return by_program(read(), {"postgres": pid})["postgres"].cpu_s


def _told(row: Mapping[str, Any]) -> str:
    return f"{row['strategy']} at {row['asked']}/s: {row['rate']:,.0f} rows/s, p95 {row['p95_ms']:,.0f} ms"
