"""What is done to a running stack so that a service level breaks, and what people must have been told of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row
from slack_sdk import WebClient

from local.environment import cali_postgres_uri, process_environment, slack
from local.programs import airflow_command
from tests.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import psutil

    from tests.stack.running_stack import RunningStack

DRAIN = "logs_drain"
WITHIN_S = 300.0
"""How long anything may take to be told: a window of a minute, a monitor's minute, and a busy machine."""
GHOST_S = 180.0
"""How long after its row a pipeline that nothing runs may take until its first miss is on record."""
RATE = 5
"""Records a second: always something to drain, and after ten minutes no more than an emulator hands out at once."""
ENVIRONMENT: Mapping[str, str] = {
    "CALI_IDLE_S": "10",
    "CALI_DEADLINE_S": "30",
    "CALI_WATCH_EVERY_S": "5",
    "CALI_WATCH_PATIENCE_S": "20",
}
"""Short spans in place of minutes: what is tested is how often people are told, not how soon."""


@dataclass
class Step:
    """One thing that was done, and the incidents that came of it, as kind and name."""

    name: str
    seconds: float = 0.0
    incidents: list[str] = field(default_factory=list)


class Drill:
    """Breaks a stack in one way after the other; each time it waits until that is told and until its end is told."""

    def __init__(self, stack: RunningStack, down_s: float, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._down_s = down_s
        self._say = say
        self.steps: list[Step] = []
        self._newest = 0
        self._second: list[subprocess.Popen[bytes]] = []

    def run(self, schedulers: int, only: set[str]) -> None:
        """Do each thing that is in ``only`` (empty: all), with so many schedulers."""
        self._promise()
        things = {
            "ghost": self._ghost,
            "paused": self._paused,
            "hung": self._hung,
            "failed": self._failed,
            "scheduler": self._scheduler,
        }
        with self._stack.simulating(seed=61, rate=RATE, error_rate=0), self._more_schedulers(schedulers - 1):
            self._calm()
            for name, thing in things.items():
                if not only or name in only:
                    self._step(name, thing)

    def _step(self, name: str, thing: Callable[[], None]) -> None:
        (row,) = self._rows("select coalesce(max(incident_id), 0) as newest from cali.sla_incidents")
        self._newest, began = int(row["newest"]), time.monotonic()
        self._say(f"{name}: begins")
        thing()
        eventually(lambda: not self._open(), WITHIN_S, self._open)
        self._calm()
        step = Step(name, time.monotonic() - began)
        rows = self._rows(
            "select kind, name from cali.sla_incidents where incident_id > %s order by 1, 2", self._newest
        )
        step.incidents = [f"{row['kind']} {row['name']}" for row in rows]
        self.steps.append(step)
        self._say(f"{name}: told and over after {step.seconds:.0f} s: {', '.join(step.incidents)}")

    def _promise(self) -> None:
        """Promise one thing of the drain, in windows of a minute, and nothing else."""
        self._execute("update cali.sla_definitions set enabled = false where pipeline_name <> %s", DRAIN)
        self._execute("update cali.sla_definitions set deadline_minutes = 1 where pipeline_name = %s", DRAIN)

    def _calm(self) -> None:
        """Wait until the newest window was on time and nobody waits for an end."""
        newest = (
            "select verdict from cali.sla_verdicts join cali.sla_definitions using (definition_id) "
            "where pipeline_name = %s order by window_start desc limit 1"
        )
        calm = [{"verdict": "on_time"}]
        eventually(
            lambda: self._rows(newest, DRAIN) == calm and not self._open(), WITHIN_S, lambda: self._rows(newest, DRAIN)
        )

    def _ghost(self) -> None:
        """Promise a pipeline that nothing runs; its first miss is there within three minutes, without a restart."""
        self._execute(
            "insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes) "
            "values ('ghost', 'realtime', 1)"
        )
        missed = (
            "select extract(epoch from detected_at - (select min(valid_from) from cali.sla_definition_versions "
            "as versions where versions.definition_id = sla_violations.definition_id)) as seconds "
            "from cali.sla_violations join cali.sla_verdicts using (definition_id, window_start) "
            "join cali.sla_definitions using (definition_id) "
            "where pipeline_name = 'ghost' and verdict = 'missed' order by window_start limit 1"
        )
        (first,) = eventually(lambda: self._rows(missed), GHOST_S, self._open)
        self._say(f"ghost: its first miss was on record {first['seconds']:.0f} s after its row")
        assert first["seconds"] <= GHOST_S, f"the first miss came after {first['seconds']:.0f} s"
        self._until_told("window", "ghost")
        self._execute("delete from cali.sla_definitions where pipeline_name = 'ghost'")

    def _paused(self) -> None:
        self._stack.airflow.pause(DRAIN, paused=True)
        try:
            self._until_told("window", DRAIN)
        finally:
            self._stack.airflow.pause(DRAIN, paused=False)

    def _hung(self) -> None:
        """Stop a drain's own process in the middle, as if it waited for ever; then let it go on."""
        process = self._draining()
        process.suspend()
        try:
            self._until_told("run", DRAIN)
        finally:
            process.resume()

    def _failed(self) -> None:
        """Let every try of a drain fail; people are told which task it is."""
        self._stack.stop("s3")
        try:
            told = self._until_told("window", DRAIN)
            assert "logs_drain.drain failed" in told["cause"], told
        finally:
            self._stack.start()

    def _scheduler(self) -> None:
        """Kill every scheduler; only the watcher can tell."""
        self._kill_first_scheduler()
        for process in self._second:
            # With its workers, as a container ends: they have its connection, and with that the locks that it held.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)
        count, self._second = len(self._second), []
        until = time.monotonic() + self._down_s
        self._until_told("platform", "scheduler")
        eventually(lambda: time.monotonic() >= until, self._down_s + 60, lambda: "the clock stands still")
        self._stack.start()
        self._second = [self._start_scheduler() for _ in range(count)]
        self._until_told("window", DRAIN)

    def _kill_first_scheduler(self) -> None:
        """Kill the scheduler and keep it down: suspended, it cannot end in good order when asked to."""
        scheduler = self._stack.process("scheduler")
        scheduler.suspend()
        self._stack.supervisor._call("stopProcess", "airflow:scheduler", False)
        scheduler.kill()

    @contextmanager
    def _more_schedulers(self, count: int) -> Iterator[None]:
        self._second = [self._start_scheduler() for _ in range(count)]
        try:
            yield
        finally:
            for process in self._second:
                process.terminate()
                process.wait(60)

    def _start_scheduler(self) -> subprocess.Popen[bytes]:
        environment = process_environment(self._stack.settings, self._stack.environment)
        log = (self._stack.settings.run_dir / "log" / "second-scheduler.log").open("ab")
        with log:
            command = airflow_command("scheduler", "--skip-serve-logs")
            return subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _draining(self) -> psutil.Process:
        """Return the process of a drain's task that is at work."""
        others: set[str] = set()
        while True:
            _, process, name = self._stack.at_work(others)
            (found,) = self._stack.metadata("select dag_id from task_instance where id = %(id)s", id=name) or [{}]
            if found.get("dag_id") == DRAIN and process.is_running():
                return process
            others.add(name)

    def _until_told(self, kind: str, name: str) -> dict[str, Any]:
        """Wait until a new incident is there and Slack has its message, and return it."""
        statement = (
            "select incidents.* from cali.sla_incidents as incidents join cali.alert_outbox as messages "
            "on messages.dedup_key like 'notice:sla-' || incident_id || '-%%' and messages.state = 'sent' "
            "where incidents.kind = %s and name = %s and incident_id > %s order by incident_id limit 1"
        )
        return eventually(lambda: self._rows(statement, kind, name, self._newest), WITHIN_S, self._open)[0]

    def _open(self) -> list[dict[str, Any]]:
        return self._rows("select kind, name, cause, opened_at from cali.sla_incidents where recovered_at is null")

    def _rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(cali_postgres_uri(self._stack.settings), autocommit=True) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            return cursor.execute(statement, values or None).fetchall()  # type: ignore[arg-type]

    def _execute(self, statement: str, *values: object) -> None:
        with psycopg.connect(cali_postgres_uri(self._stack.settings), autocommit=True) as connection:
            connection.execute(statement, values or None)  # type: ignore[arg-type]


def said(stack: RunningStack) -> list[str]:
    """Return the first lines of what Slack's channel for alerts has, as Slack has it."""
    server = slack(stack.settings)
    client = WebClient(server.token, base_url=server.api)
    (channel,) = [one["id"] for one in client.conversations_list()["channels"] if one["name"] == "cali-alerts"]
    texts: list[str] = []
    for page in client.conversations_history(channel=channel, limit=200):
        texts += [message["text"] for message in page["messages"]]
    return list(reversed(texts))
