"""Which processes of this machine belong to the stack, known by a variable that all of them inherit."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

SUPERVISOR = "supervisord"
_MARK = "CALI_SUPERVISED"
_TERMINATE_SECONDS = 2
_KILL_SECONDS = 5


def mark(run_dir: Path, program: str) -> dict[str, str]:
    """Return the variable that makes a process, and all that it starts, known as a program's of a stack."""
    return {_MARK: f"{run_dir}#{program}"}


def supervised(run_dir: Path, program: str | None = None) -> list[psutil.Process]:
    """Return the processes of a stack, or of one of its programs, without the one that asks."""
    wanted = mark(run_dir, program or "")[_MARK]
    found = []
    for process in psutil.process_iter():
        try:
            value = process.environ().get(_MARK, "")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # it ended meanwhile, or is another user's and so not ours
        matches = value == wanted if program else value.startswith(wanted)
        if matches and process.pid != os.getpid():
            found.append(process)
    return found


def end(processes: Iterable[psutil.Process]) -> int:
    """End processes in good order, else by SIGKILL; return how many there were."""
    processes = list(processes)
    for process in processes:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(processes, timeout=_TERMINATE_SECONDS)
    for process in stubborn:
        log.warning("killing a process that did not end pid=%d", process.pid)
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=_KILL_SECONDS)
    return len(processes)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        log.debug("a process ended by itself pid=%d", process.pid)
