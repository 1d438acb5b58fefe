"""How each program of the running stack is: the supervisor's word, and the program's own."""

import json
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local import processes
from local.environment import broker
from local.programs import AIRFLOW, WATCHER, Program, worker_names
from local.settings import Settings
from local.supervision import ProcessState

HEALTHY = "healthy"
_TIMEOUT_SECONDS = 5
_MONITOR_NAMES = {"api-server": "metadatabase", "dag-processor": "dag_processor"}
"""What a component is called where that is not its program's name."""


@dataclass(frozen=True)
class Component:
    """What Airflow's health page says of one component."""

    is_healthy: bool
    heartbeat: str | None

    def is_alive_since(self, start: datetime) -> bool:
        """True when it has beaten since its process started; the page itself counts a dead predecessor for 30 s."""
        if self.heartbeat is None:
            return self.is_healthy
        return self.is_healthy and datetime.fromisoformat(self.heartbeat) >= start


@dataclass(frozen=True)
class ProgramStatus:
    """One line of `make status`; `state` is `healthy`, or what is the matter."""

    name: str
    group: str
    state: str
    pid: int
    uptime_seconds: int
    address: str

    @property
    def is_as_it_should_be(self) -> bool:
        """True when it is healthy."""
        return self.state == HEALTHY


def statuses(settings: Settings, programs: Iterable[Program], states: Iterable[ProcessState]) -> list[ProgramStatus]:
    """Ask every program how it is."""
    known = {state.name: state for state in states}
    components = airflow_components(settings) | celery_workers(settings)
    return [_status(program, known[program.name], components) for program in programs if program.name in known]


def celery_workers(settings: Settings) -> dict[str, Component]:
    """Return which of the stack's Celery workers answer a ping."""
    names = worker_names(settings)
    answering = broker(settings).workers() if names else frozenset()
    return {name: Component(name in answering, None) for name in names}


def airflow_components(settings: Settings) -> dict[str, Component]:
    """Return what Airflow's API server says of its components, by name; empty while it does not answer."""
    url = f"{settings.airflow_url}/api/v2/monitor/health"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as response:
            answer: dict[str, Any] = json.load(response)
    except (OSError, ValueError):
        return {}
    return {
        name: Component(values.get("status") == HEALTHY, values.get(f"latest_{name}_heartbeat"))
        for name, values in answer.items()
    }


def table(lines: Iterable[ProgramStatus]) -> str:
    """Return the table that `make status` prints; it holds no secret."""
    heading = ("PROGRAM", "STATE", "PID", "UPTIME", "ADDRESS")
    rows = [
        heading,
        *((line.name, line.state, str(line.pid or "-"), _span(line.uptime_seconds), line.address) for line in lines),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _status(program: Program, state: ProcessState, components: Mapping[str, Component]) -> ProgramStatus:
    said = _condition(program, state.started, components) if state.is_running else state.state.lower()
    if said == HEALTHY and program.address and not processes.listens(state.pid, _port(program.address)):
        said = "its port is somebody else's"
    return ProgramStatus(program.name, program.group, said, state.pid, state.uptime_seconds, program.address)


def _condition(program: Program, started: datetime | None, components: Mapping[str, Component]) -> str:
    if program.server is not None:
        return HEALTHY if program.server.problem() is None else "does not answer"
    if program.group != AIRFLOW or program.name == WATCHER:
        return HEALTHY
    component = components.get(_MONITOR_NAMES.get(program.name, program.name))
    if component is None or started is None:
        return "starting"
    return HEALTHY if component.is_alive_since(started) else "starting"


def _port(address: str) -> int:
    return int(address.rstrip("/").rpartition(":")[2])


def _span(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if seconds or minutes or hours else "-"
