"""The program that is killed: drain, validate, alert, dispatch and audit, over and over, as Airflow's tasks run them.

A child is forked from a process that has imported everything and judged an empty batch, as LocalExecutor forks its
workers; it opens its own connections.
"""

import gc
import json
import logging
import mmap
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from slack_sdk import WebClient

from include import streams
from include.adapters.kinesis import BotoStreamReader
from include.adapters.object_store import S3ObjectStore
from include.adapters.slack import SlackApiMessenger
from include.alerts.dispatch import dispatch
from include.alerts.settings import AlertSettings
from include.alerts.store import PostgresAlertStore
from include.audit.warm_up import warm_up
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.errors import CaliError
from include.ledger.postgres import PostgresLedger
from include.process.alert_stage import alert_pending
from include.process.audit_stage import QualityDesk, audit_pending
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.records import utc_now
from include.streams.stream import Stream
from tests.crash.fuse import Fuse, FusedMessenger, FusedReader, FusedStore, WorldClock, fused_connection
from tests.crash.points import Point
from tests.crash.site import Site

log = logging.getLogger(__name__)

RUN_URL = "http://127.0.0.1:8080/dags/logs_process/runs/crash"
SETTINGS = AlertSettings(
    pace=timedelta(0),
    update_pace=timedelta(0),
    lease=timedelta(seconds=1),
    update_interval=timedelta(seconds=0.5),
    backoff_first=timedelta(seconds=0.1),
    backoff_ceiling=timedelta(seconds=1),
    # Each group has its message here, although many open at once and the clock runs ahead of the records.
    storm_groups=1_000_000,
    backlog_after=timedelta(days=365),
)
DISPATCH_BUDGET_S = 5.0
PAUSE_S = 0.02
"""Between two cycles."""
LATER = timedelta(days=1)
"""Far enough ahead for every rest and every lease to be over."""


class Step(IntEnum):
    """What a child is doing; where a random kill has hit."""

    START = 0
    DRAIN = 1
    VALIDATE = 2
    ALERT = 3
    DISPATCH = 4
    AUDIT = 5


ALL_STEPS = (Step.DRAIN, Step.VALIDATE, Step.ALERT, Step.DISPATCH, Step.AUDIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a child is to do.

    Attributes:
        stream: the stream's name, in CALI and in Kinesis.
        owner: whose claims it makes: the dead child's name for its retry, another for another run.
        ahead: how far its clock runs ahead of the machine's.
        point, occurrence, sent: where it sends itself which signal; without a point, nowhere.
        steps: what it does in one cycle. hints: what closes the drain's batches.
        dispatch_s: for how many seconds it sends in one cycle, unless it runs ``until_idle``.
        cycles: how many cycles until it ends; None: until it is killed, or with ``until_idle`` until nothing waits.
        until_idle: end when nothing waits any more; its clock then skips what it would have to wait for.
        strict: end with 1 when a step failed, as a task of Airflow's fails.
        report: where it writes what it did, as JSON, when it ends by itself.
    """

    stream: str
    owner: str = "run-0"
    ahead: timedelta = timedelta(0)
    point: Point | None = None
    occurrence: int = 1
    sent: signal.Signals = signal.SIGKILL
    steps: Sequence[Step] = ALL_STEPS
    hints: BufferHints = field(default_factory=BufferHints)
    dispatch_s: float = 0.3
    cycles: int | None = None
    until_idle: bool = False
    strict: bool = False
    report: Path | None = None


class Child:
    """A running child, seen from its parent."""

    def __init__(self, pid: int, position: mmap.mmap) -> None:
        self.pid = pid
        self._position = position
        self._pidfd = os.pidfd_open(pid)
        self._status: int | None = None

    def ended_within(self, seconds: float) -> bool:
        """Wait at most so long for its end."""
        if self._status is None and select.select([self._pidfd], [], [], seconds)[0]:
            _, self._status = os.waitpid(self.pid, 0)
            os.close(self._pidfd)
        return self._status is not None

    def kill(self) -> Step:
        """End it by SIGKILL, now; return what it was doing."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.ended_within(10)
        return Step(self._position[0])

    def wait_until_stopped(self) -> None:
        """Return when it has stopped itself."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            raise RuntimeError(f"the child ended with status {status} before it came to its point")

    def go_on(self) -> None:
        """Let it continue after it has stopped itself."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        return None if self._status is None else os.waitstatus_to_exitcode(self._status)


def warm_parent() -> None:
    """Do once what every child would do again, and let no child's garbage collector copy it."""
    warm_up(streams.get("logs").suite(), utc_now())
    gc.collect()
    gc.freeze()


def start(order: Order, site: Site) -> Child:
    """Fork a child that carries out the order."""
    parent, position = os.getpid(), mmap.mmap(-1, 1)
    pid = os.fork()
    if pid:
        return Child(pid, position)
    code = 1
    try:
        _become_child(site.log)
        report = _Work(order, site, position, lambda: os.getppid() == parent).run()
        code = int(order.strict and bool(report.errors))
    except BaseException:
        log.exception("the child broke owner=%s", order.owner)
    finally:
        # Neither the parent's exit handlers nor its buffers are the child's business.
        logging.shutdown()
        os._exit(code)


def _become_child(log_file: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for standard in (1, 2):
        os.dup2(output, standard)
    line = f"%(asctime)s {os.getpid()} %(levelname)s %(name)s %(message)s"
    logging.basicConfig(filename=log_file, level=logging.INFO, format=line, force=True)


@cache
def stream_of(name: str) -> Stream:
    """Return the stream of logs under another name, its alerts included."""
    logs = streams.get("logs")
    return replace(logs, name=name, to_alert=lambda row: replace(logs.to_alert(row), stream=name))


@dataclass(slots=True)
class _Report:
    """What a child did in its whole life."""

    batches: dict[str, list[str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, step: Step, batches: Sequence[str]) -> None:
        self.batches.setdefault(step.name.lower(), []).extend(batches)


class _Work:
    """The child's own side: its adapters, each with the fuse, and its cycle."""

    def __init__(self, order: Order, site: Site, position: mmap.mmap, wanted: Callable[[], bool]) -> None:
        self._order = order
        self._site = site
        self._position = position
        self._wanted = wanted
        self._fuse = Fuse(order.point, order.occurrence, order.sent)
        self._clock = WorldClock(order.ahead)
        self._wait = self._clock.skip if order.until_idle else time.sleep
        self._store = FusedStore(S3ObjectStore(site.childrens.s3, site.bucket), self._fuse)
        self._report = _Report()

    def run(self) -> _Report:
        with fused_connection(self._site.postgres_uri, self._fuse) as connection:
            self._ledger = PostgresLedger(connection)
            self._alerts = PostgresAlertStore(connection)
            cycles = 0
            while self._wanted() and cycles != self._order.cycles:
                self._cycle()
                cycles += 1
                if self._order.until_idle and self._idle():
                    break
                self._wait(PAUSE_S)
        if self._order.report:
            self._order.report.write_text(json.dumps(asdict(self._report)), encoding="utf-8")
        return self._report

    def _cycle(self) -> None:
        """Do each step once; a step that fails is tried again in the next cycle, as Airflow retries a task."""
        for step in self._order.steps:
            self._position[0] = step
            try:
                self._report.add(step, self._doing()[step]())
            except CaliError as error:
                log.warning("step failed step=%s error=%s", step.name, error)
                self._report.errors.append(type(error).__name__)

    def _doing(self) -> dict[Step, Callable[[], list[str]]]:
        place = Workplace(stream_of(self._order.stream), self._store, self._ledger, self._order.owner, self._clock.now)
        desk = QualityDesk(self._alerts, SETTINGS, RUN_URL)
        return {
            Step.DRAIN: self._drain,
            Step.VALIDATE: lambda: validate_pending(place).batches,
            Step.ALERT: lambda: alert_pending(place, self._alerts, SETTINGS, RUN_URL).batches,
            Step.DISPATCH: self._dispatch,
            Step.AUDIT: lambda: audit_pending(place, desk).batches,
        }

    def _drain(self) -> list[str]:
        reader = FusedReader(BotoStreamReader(self._site.childrens.kinesis), self._fuse)
        source = ShardSource(self._order.stream, self._order.stream, reader, self._clock.now, self._wait)
        report = drain(source, self._store, self._ledger, DrainRequest(self._order.owner, self._order.hints))
        if report.batches:
            self._fuse.reach(Point.DRAINED)
        return [batch.batch_id for batch in report.batches]

    def _dispatch(self) -> list[str]:
        client = WebClient(self._site.slack_token, base_url=self._site.slack_api, timeout=5)
        messenger = FusedMessenger(SlackApiMessenger(client), self._fuse, self._clock)
        arguments: dict[str, Any] = {"clock": self._clock.now, "wait": self._wait}
        report = dispatch(
            self._alerts,
            messenger,
            SETTINGS,
            DISPATCH_BUDGET_S if self._order.until_idle else self._order.dispatch_s,
            wait_for_updates=self._order.until_idle,
            **arguments,
        )
        report.raise_for_failures()
        return []

    def _idle(self) -> bool:
        """Return whether nothing waits: neither a stage, nor a message."""
        drained = not self._drain()
        open_stages = self._ledger.unfinished(self._order.stream, self._clock.now() + LATER)
        return drained and not open_stages and self._alerts.next_due() is None
