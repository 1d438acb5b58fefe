"""The whole stack under test: put under load, disturbed, brought to rest, and proved from outside."""

from __future__ import annotations

import os
import random
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psutil
import psycopg
from psycopg.rows import dict_row

from include.adapters.object_store import S3ObjectStore
from include.proof.summary import StreamSummary, ledger_counts, summarize
from include.records import utc_now
from include.simulator.journal import JournalEntry, read
from local import demo, stack
from local.environment import airflow_database_uri, cali_postgres_uri, object_store
from local.programs import AIRFLOW, SERVERS
from local.servers.aws import client
from local.settings import BUCKET, PREFERRED_PORTS, Settings, port_is_free
from local.supervision import Supervisor
from tests.airflow_api import Airflow
from tests.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

STREAM = "logs"
PROVED = {
    "lost": 0,
    "duplicated": 0,
    "misjudged": 0,
    "unjournaled": 0,
    "wrong": (),
    "ok": True,
    "undrained": 0,
    "dead_letters_too_few": 0,
    "broken_batches": [],
}
"""What must hold of all that was ever put, whatever happened meanwhile."""
HEALTHY_S = 600.0
SETTLED_S = 600.0


def stack_environment(run_dir: Path) -> dict[str, str]:
    """Return what starts a stack of its own in ``run_dir``.

    Its ports lie below those that the kernel gives to clients: a server that is stopped finds its port free again.
    """
    free = (port for port in iter(lambda: random.randrange(20_000, 30_000), None) if port_is_free(port))
    ports = dict(zip((variable for _, variable in PREFERRED_PORTS.values()), map(str, free), strict=False))
    return {**os.environ, **ports, "CALI_RUN_DIR": str(run_dir), "PACE": "low_latency"}


@dataclass
class RunningStack:
    """A stack that is up, with the journal of everything that was put on its stream since it was started."""

    environment: Mapping[str, str]
    settings: Settings
    began: datetime = field(default_factory=utc_now)

    @cached_property
    def supervisor(self) -> Supervisor:
        """The supervisor, to stop a program with."""
        return Supervisor(self.settings.run_dir)

    @cached_property
    def airflow(self) -> Airflow:
        """Airflow's REST API, logged in."""
        return Airflow(self.settings)

    @property
    def journal(self) -> list[JournalEntry]:
        """What the stream accepted, of the simulator and of a benchmark's probes."""
        return [entry for path in (self._journal, self.probes) if path.exists() for entry in read(path)]

    @property
    def buckets(self) -> Path:
        """The folder of the embedded S3 server's buckets."""
        return self.settings.run_dir / "s3" / "buckets" / BUCKET

    @property
    def _journal(self) -> Path:
        return self.settings.run_dir / "journal" / f"{STREAM}.ndjson"

    @property
    def probes(self) -> Path:
        """Where a benchmark keeps the journal of what it puts beside the simulator."""
        return self._journal.with_suffix(".probes.ndjson")

    @property
    def store(self) -> S3ObjectStore:
        """The bucket."""
        return S3ObjectStore(client("s3", object_store(self.settings).address, self.settings.credentials), BUCKET)

    @contextmanager
    def simulating(
        self,
        seed: int,
        rate: int = 80,
        seconds: float | None = None,
        error_rate: float = 0.3,
        *,
        spike: bool = False,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Put records on each stream that runs, a fiftieth malformed, until the block ends or ``seconds`` are over.

        Yields the logs' simulator.
        """
        options = {"RATE": str(rate), "ERROR_RATE": str(error_rate), "MALFORMED_RATE": "0.02", "SEED": str(seed)}
        options |= {"DURATION": str(seconds)} if seconds else {}
        options |= {"SPIKE": "1"} if spike else {}
        journals = {name: self._journal.with_stem(name) for name in self.settings.streams}
        running = demo.Demo(self.settings, journals, self.began)
        with demo.simulators(running, {**self.environment, **options}) as simulators:
            yield simulators[self.settings.streams.index(STREAM)]

    def put(self, seed: int, rate: int = 80, seconds: float = 5) -> None:
        """Put records on the stream for ``seconds``."""
        with self.simulating(seed, rate, seconds) as simulator:
            assert simulator.wait(seconds + 300) == 0

    def rows(self, statement: str, **parameters: object) -> list[dict[str, Any]]:
        """Ask CALI's database."""
        with psycopg.connect(cali_postgres_uri(self.settings), autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(statement, parameters).fetchall()

    def metadata(self, statement: str, **parameters: object) -> list[dict[str, Any]]:
        """Ask Airflow's own database, for what its REST API does not tell."""
        uri = airflow_database_uri(self.settings).replace("postgresql+psycopg2", "postgresql")
        with psycopg.connect(uri, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(statement, parameters).fetchall()

    def counts(self) -> dict[str, int]:
        """Return the ledger's counts."""
        with psycopg.connect(cali_postgres_uri(self.settings), autocommit=True) as connection:
            return ledger_counts(connection, STREAM)

    def settle(self, seconds: float = SETTLED_S) -> None:
        """Wait until every record is drained and processed and every group was told of once."""
        eventually(self._is_settled, seconds, self.open_work)

    def settle_messages(self, seconds: float = SETTLED_S) -> None:
        """Wait until the outbox holds no message that is not sent; ask for a sweep rather than for its minute."""
        self.airflow.trigger("notify")
        columns = "id, kind, state, attempts, last_error"
        waiting = f"select {columns} from cali.alert_outbox where state not in ('sent', 'withdrawn')"  # noqa: S608
        eventually(lambda: not self.rows(waiting), seconds, lambda: self.rows(waiting))

    def summary(self) -> StreamSummary:
        """Hold the journal against S3, record by record, and sum up the ledger."""
        with psycopg.connect(cali_postgres_uri(self.settings), autocommit=True) as connection:
            return summarize(connection, self.store, STREAM, self.journal, self.began)

    def verdict(self) -> dict[str, object]:
        """Return the figures of ``PROVED`` as they are, with each batch's conservation asked for in SQL."""
        summary = self.summary()
        broken = """select batch_id from cali.micro_batches
                    where valid + dead_lettered is distinct from records
                       or alertable + filtered is distinct from valid"""
        names = ("lost", "duplicated", "misjudged", "unjournaled", "wrong", "ok")
        return {name: getattr(summary, name) for name in names} | {
            "undrained": summary.produced - summary.drained,
            "dead_letters_too_few": summary.malformed_produced - summary.dead_lettered,
            "broken_batches": self.rows(broken),
        }

    def wait_for_batches(self, more: int = 4) -> None:
        """Wait until some more batches are drained."""
        enough = self.counts()["batches"] + more
        eventually(lambda: self.counts()["batches"] >= enough, SETTLED_S, self.open_work)

    def at_work(self, but: Container[str] = ()) -> tuple[psutil.Process, psutil.Process, str]:
        """Wait until a worker of the executor runs a task; return both processes and the task instance's id."""

        def look() -> tuple[psutil.Process, psutil.Process, str] | None:
            for worker in self.workers():
                for task in _children(worker):
                    # "airflow worker -- <uuid>", and the worker's title until the task's process sets its own.
                    name = _title(task).partition("airflow worker -- ")[2]
                    if len(name) == len(str(UUID(int=0))) and name not in but:
                        return worker, task, name
            return None

        return eventually(look, SETTLED_S, self.open_work, poll_s=0.01)

    def workers(self) -> list[psutil.Process]:
        """Return the executor's workers; none while the scheduler is down."""
        try:
            return self.process("scheduler").children()
        except psutil.NoSuchProcess:
            return []

    def wait_until_healthy(self, seconds: float = HEALTHY_S) -> None:
        """Wait until every program is as it should be."""

        def healthy() -> bool:
            return all(line.is_as_it_should_be for line in stack.status(self.environment))

        eventually(healthy, seconds, lambda: stack.status(self.environment))

    def stop(self, server: str) -> None:
        """Stop one of the servers in good order."""
        self.supervisor._call("stopProcess", f"{SERVERS}:{server}")

    def start(self) -> None:
        """Start what is stopped, and wait for all of it."""
        for group in (SERVERS, AIRFLOW):
            self.supervisor.start_group(group)
        self.wait_until_healthy()

    def process(self, program: str) -> psutil.Process:
        """Return a program's process."""
        (state,) = (state for state in self.supervisor.states() if state.name == program)
        return psutil.Process(state.pid)

    def task_logs(self, since: float) -> Iterator[str]:
        """Yield the text of every task's log that was written after ``since`` (epoch seconds)."""
        for path in (self.settings.run_dir / "airflow" / "logs").rglob("*.log"):
            if path.stat().st_mtime >= since:
                yield path.read_text(errors="replace")

    def _is_settled(self) -> bool:
        counts, put = self.counts(), len(self.journal)
        return counts["drained"] >= put and not counts["open_stages"] and not counts["openings_waiting"]

    def open_work(self) -> object:
        """Tell what has not come to its end, for the message of a test that waited for it in vain."""
        stages = "select batch_id, stage, state, attempts, last_error from cali.batch_stages where state <> 'done'"
        tasks = """select dag_id, run_id, task_id, state, try_number from task_instance
                   where state is null or state not in ('success', 'skipped')"""
        return {"put": len(self.journal), **self.counts()}, self.rows(stages)[:5], self.metadata(tasks)[-10:]


def warm_programs(running_stack: RunningStack) -> set[str]:
    """Return the programs that have imported what CALI's tasks need, told by a library that nothing else loads."""
    return {
        state.name
        for state in running_stack.supervisor.states()
        if state.group == AIRFLOW
        and any("libarrow" in library.path for library in psutil.Process(state.pid).memory_maps())
    }


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
