"""Which processes of this machine belong to the stack.

All of them inherit a variable that names the run folder and the program. Airflow makes a worker that has run a task
undumpable, and then only root can read its environment: such a process is known by the supervisor's session, which all
programs share. The kernel does not give a session's number away while one of its processes lives.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

SUPERVISOR = "supervisord"
_MARK = "CALI_SUPERVISED"
_KILL_SECONDS = 5


@dataclass(frozen=True)
class Seen:
    """What can be told of a process of this user; `mark` is None when its environment may not be read."""

    pid: int
    mark: str | None
    session: int
    group: int
    group_has_leader: bool


def mark(run_dir: Path, program: str) -> dict[str, str]:
    """Return the variable that makes a process, and all that it starts, known as a program's of a stack."""
    return {_MARK: f"{run_dir}#{program}"}


def of_stack(seen: Iterable[Seen], run_dir: Path, session: int | None) -> list[int]:
    """Return the ids of all processes of a stack.

    Args:
        seen: the processes of this user.
        run_dir: the stack's folder.
        session: the supervisor's, where it is known.
    """
    prefix = mark(run_dir, "")[_MARK]
    return [
        process.pid
        for process in seen
        if (process.mark is None and process.session == session)
        or (process.mark is not None and process.mark.startswith(prefix))
    ]


def of_predecessor(seen: Iterable[Seen], run_dir: Path, program: str, session: int) -> list[int]:
    """Return the ids of what an earlier process of a program left behind in the supervisor's session."""
    wanted = mark(run_dir, program)[_MARK]
    return [
        process.pid
        for process in seen
        if process.mark == wanted
        or (process.mark is None and process.session == session and not process.group_has_leader)
    ]


def survey() -> list[Seen]:
    """Look at every process of this user but the one that asks and its parents."""
    asking = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = (_look_at(process) for process in psutil.process_iter() if process.pid not in asking)
    return [seen for seen in found if seen is not None]


def recorded_session(run_dir: Path) -> int | None:
    """Return the session of the last supervisor that did not end in good order, as its pid file has it."""
    path = run_dir / "supervisord.pid"
    if not path.is_file():
        return None
    pid = int(path.read_text())
    return None if psutil.pid_exists(pid) else pid


def listens(pid: int, port: int) -> bool:
    """Return whether a process, or one that it has started, listens on a port.

    A server that answers is not enough: another stack's server may have been faster to take the port.
    """
    try:
        family = {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}
    except psutil.NoSuchProcess:
        return False
    return any(
        connection.pid in family
        and connection.status == psutil.CONN_LISTEN
        and getattr(connection.laddr, "port", None) == port
        for connection in psutil.net_connections("tcp")
    )


def end(pids: Iterable[int], patience_seconds: float) -> int:
    """End processes by SIGTERM, those that are still there after a while by SIGKILL; return how many there were."""
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    for process in processes:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(processes, timeout=patience_seconds)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=_KILL_SECONDS)
    return len(processes)


def _look_at(process: psutil.Process) -> Seen | None:
    try:
        if process.uids().real != os.getuid():
            return None
        group = os.getpgid(process.pid)
        return Seen(process.pid, _mark_of(process), os.getsid(process.pid), group, psutil.pid_exists(group))
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None  # it ended meanwhile


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_MARK, "")
    except psutil.AccessDenied:
        return None


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        log.debug("a process ended by itself pid=%d", process.pid)
