"""The supervisor: its configuration, its start, and the questions that it answers.

It listens on a Unix socket. A socket's path may not be longer than 107 bytes and a project's folder can be, so the
socket lies in a private temporary folder, and `<run folder>/supervisor` is a link to that.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import Faults, SupervisorTransport

from include.errors import CaliError, TransientError
from local import processes
from local.programs import SERVER_NAMES, SERVERS, Program
from local.settings import ROOT

_LINK = "supervisor"
_SOCKET = "socket"
_STOP_SECONDS = 240
_USERS_PATIENCE_SECONDS = 5
_SERVERS_PATIENCE_SECONDS = 40
_PRIORITIES = {SERVERS: 100}


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor knows of one program."""

    name: str
    group: str
    state: str
    pid: int
    started: datetime | None
    uptime_seconds: int

    @property
    def is_running(self) -> bool:
        """True when the program is up, as far as a process table can tell."""
        return self.state == "RUNNING"

    @property
    def is_given_up(self) -> bool:
        """True when the supervisor does not try again."""
        return self.state in {"FATAL", "EXITED", "UNKNOWN"}


class Supervisor:
    """The supervisor of one run folder, running or not."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir

    def is_running(self) -> bool:
        """Return whether it answers."""
        try:
            self._call("getState")
        except (OSError, TransientError):
            return False
        return True

    def start(self, programs: Iterable[Program], inherited: Mapping[str, str] = os.environ) -> None:
        """Start it in the background; it starts no program before it is told to.

        Raises:
            TransientError: it did not start; its own words are in the message.
        """
        (self.run_dir / "log").mkdir(parents=True, exist_ok=True, mode=0o700)
        self._remove_socket()
        folder = Path(tempfile.mkdtemp(prefix="cali-"))
        (self.run_dir / _LINK).symlink_to(folder)
        config = self.run_dir / "supervisord.conf"
        config.write_text(configuration(programs, self.run_dir, folder / _SOCKET))
        marked = processes.mark(self.run_dir, processes.SUPERVISOR)
        result = subprocess.run(
            (sys.executable, "-m", "supervisor.supervisord", "--configuration", str(config)),
            env={**inherited, **marked, "PYTHONPATH": str(ROOT), "CALI_RUN_DIR": str(self.run_dir)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise TransientError(f"The supervisor did not start: {result.stdout}{result.stderr}")

    def start_group(self, group: str) -> None:
        """Tell it to start a group's programs that are not running; returns at once."""
        for state in self.states():
            if state.group == group and state.state not in {"RUNNING", "STARTING", "BACKOFF"}:
                self._call("startProcess", f"{group}:{state.name}", False)  # noqa: FBT003 - XML-RPC has no keywords

    def stop_group(self, group: str) -> None:
        """Stop a group's programs and wait for that."""
        self._call("stopProcessGroup", group)

    def states(self) -> list[ProcessState]:
        """Return every program's state.

        Raises:
            TransientError: the supervisor is not running.
        """
        answers: list[dict[str, Any]] = self._call("getAllProcessInfo")
        return [
            ProcessState(
                name=info["name"],
                group=info["group"],
                state=info["statename"],
                pid=info["pid"],
                started=datetime.fromtimestamp(info["start"], UTC) if info["start"] else None,
                uptime_seconds=info["now"] - info["start"] if info["statename"] == "RUNNING" else 0,
            )
            for info in answers
        ]

    def stop(self) -> int:
        """Stop it with all its programs, then whatever they or a crash left behind.

        Returns:
            How many processes a crash had left behind.
        """
        session = processes.recorded_session(self.run_dir)
        if self.is_running():
            session = self._call("getPID")
            process = psutil.Process(session)
            self._call("shutdown")
            psutil.wait_procs([process], timeout=_STOP_SECONDS)
        left = self.end_leftovers(session)
        self._remove_socket()
        return left

    def end_leftovers(self, session: int | None) -> int:
        """End what a crash of the supervisor left running: first who uses the servers, then the servers.

        Args:
            session: the supervisor's, where it is known.

        Returns:
            How many processes there were.
        """
        seen = processes.survey()
        servers = {pid for name in SERVER_NAMES for pid in processes.of_predecessor(seen, self.run_dir, name, 0)}
        left = processes.of_stack(seen, self.run_dir, session)
        users = processes.end([pid for pid in left if pid not in servers], _USERS_PATIENCE_SECONDS)
        ended = users + processes.end(servers, _SERVERS_PATIENCE_SECONDS)
        (self.run_dir / "supervisord.pid").unlink(missing_ok=True)
        return ended

    def _remove_socket(self) -> None:
        link = self.run_dir / _LINK
        if link.is_symlink():
            shutil.rmtree(link.readlink(), ignore_errors=True)
            link.unlink()

    def _call(self, method: str, *arguments: object) -> Any:  # noqa: ANN401 - XML-RPC answers are untyped
        link = self.run_dir / _LINK
        if not link.is_symlink():
            raise TransientError("The stack is not running: run `make up`")
        transport = SupervisorTransport(None, None, f"unix://{link.readlink() / _SOCKET}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:
                raise CaliError("The stack is stopping: try again when it is down") from fault
            raise
        except OSError as error:
            raise TransientError("The supervisor does not answer: run `make down`, then `make up`") from error


def configuration(programs: Iterable[Program], run_dir: Path, socket: Path) -> str:
    """Return the supervisor's configuration; it holds no secret.

    Its format: https://supervisord.org/configuration.html. `%` opens an expression there and is doubled.
    """
    programs = list(programs)
    groups: dict[str, list[str]] = {}
    for program in programs:
        groups.setdefault(program.group, []).append(program.name)
    sections = [_daemon(run_dir, socket)]
    sections += [
        _section(f"group:{group}", {"programs": ",".join(names), "priority": _PRIORITIES.get(group, 200)})
        for group, names in groups.items()
    ]
    sections += [_program(program, run_dir) for program in programs]
    return "\n".join(sections)


def _daemon(run_dir: Path, socket: Path) -> str:
    log = {"logfile": run_dir / "log" / "supervisord.log", "logfile_maxbytes": "5MB", "logfile_backups": 2}
    daemon = {**log, "pidfile": run_dir / "supervisord.pid", "childlogdir": run_dir / "log", "umask": "077"}
    return "\n".join(
        (
            _section("supervisord", {**daemon, "user": "root"} if os.geteuid() == 0 else daemon),
            _section("unix_http_server", {"file": socket, "chmod": "0600"}),
            _section(
                "rpcinterface:supervisor",
                {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
            ),
        )
    )


def _program(program: Program, run_dir: Path) -> str:
    options: dict[str, object] = {
        "command": shlex.join((sys.executable, "-m", "local.launch", program.name)),
        "directory": run_dir,
        "autostart": "false",
        "autorestart": "true",
        "startsecs": 1,
        "startretries": 5,
        "stopsignal": program.stop_signal.name.removeprefix("SIG"),
        "stopwaitsecs": program.stop_seconds,
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": run_dir / "log" / f"{program.name}.log",
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 2,
    }
    return _section(f"program:{program.name}", options)


def _section(title: str, options: dict[str, Any]) -> str:
    lines = (f"{name} = {str(value).replace('%', '%%')}\n" for name, value in options.items())
    return f"[{title}]\n{''.join(lines)}"
