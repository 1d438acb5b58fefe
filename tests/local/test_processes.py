"""Which processes count as the stack's: a wrong one killed would be somebody else's work."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from local.processes import Seen, end, listens, mark, of_predecessor, of_stack, recorded_session, survey

RUN = Path("/run/cali")
OTHER_RUN = Path("/run/cali-2")
MINE = "/run/cali#scheduler"


def _seen(pid: int, process_mark: str | None, session: int = 10, *, leader: bool = True) -> Seen:
    return Seen(pid, process_mark, session, group=pid, group_has_leader=leader)


def test_a_marked_process_is_the_stacks_in_whatever_session() -> None:
    """A program that opened a session of its own is found by what it inherited."""
    assert of_stack([_seen(1, MINE, session=99)], RUN, None) == [1]


def test_another_stacks_process_is_not() -> None:
    """Two stacks side by side, one folder's name the beginning of the other's, stay apart."""
    assert of_stack([_seen(1, f"{OTHER_RUN}#scheduler", session=99), _seen(2, "", session=99)], RUN, None) == []


def test_an_unreadable_process_is_the_stacks_in_the_supervisors_session() -> None:
    """A worker that ran a task hides its environment; the supervisor's session gives it away."""
    assert of_stack([_seen(1, MINE), _seen(2, None), _seen(3, None, session=11)], RUN, 10) == [1, 2]


def test_an_unreadable_process_beside_a_marked_one_is_left_alone() -> None:
    """A program that was started from a terminal does not make that terminal's session ours."""
    assert of_stack([_seen(1, MINE), _seen(2, None)], RUN, None) == [1]


def test_an_unmarked_process_in_the_session_is_left_alone() -> None:
    """Whoever can be read and carries no mark is nobody's of ours."""
    assert of_stack([_seen(1, ""), _seen(2, MINE)], RUN, 10) == [2]


def test_a_restarted_program_ends_only_what_its_predecessor_left() -> None:
    """Another program's workers go on working."""
    seen = [
        _seen(1, MINE),
        _seen(2, "/run/cali#triggerer"),
        _seen(3, None, leader=False),
        _seen(4, None, leader=True),
        _seen(5, None, session=11, leader=False),
    ]
    assert of_predecessor(seen, RUN, "scheduler", session=10) == [1, 3]


def test_a_recorded_session_that_is_a_living_process_now_is_not_believed(tmp_path: Path) -> None:
    """After a restart of the machine the number may be anybody's."""
    (tmp_path / "supervisord.pid").write_text(f"{os.getpid()}\n")
    assert recorded_session(tmp_path) is None


def test_a_real_process_is_found_by_its_mark_and_ended(tmp_path: Path) -> None:
    """Found and gone, also when it ignores SIGTERM."""
    script = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    environment = {**os.environ, **mark(tmp_path, "scheduler")}
    with subprocess.Popen((sys.executable, "-c", script), env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert of_stack(survey(), tmp_path, None) == [process.pid]
        assert end([process.pid], patience_seconds=0.1) == 1
        assert not psutil.pid_exists(process.pid)


def test_a_listener_is_known_by_its_process() -> None:
    """Only the process that holds a port listens on it, whoever answers there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            assert (listens(os.getpid(), port), listens(stranger.pid, port)) == (True, False)
        finally:
            stranger.communicate(b"\n")
