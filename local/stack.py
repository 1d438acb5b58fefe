"""The verbs of the one-machine stack: `up`, `down`, `status`, `clean`, for Python and for the Makefile."""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from include.errors import CaliError, ConfigurationError, TransientError
from local.environment import ADMIN, cali_postgres_uri, process_environment, slack
from local.health import ProgramStatus, statuses, table
from local.preparation import last_lines, prepare
from local.programs import AIRFLOW, SERVERS, airflow_command, programs
from local.servers.node import install_packages, packages_are_installed
from local.servers.postgres import binary
from local.settings import ROOT, Settings, for_next_start, load, run_folder, save
from local.supervision import Supervisor

Say = Callable[[str], None]

# A program that ends is not waited for; one that starts slowly, on a busy machine, is.
_SERVERS_SECONDS = 180.0
_AIRFLOW_SECONDS = 600.0
_POLL_SECONDS = 0.25


def up(say: Say, environment: Mapping[str, str] = os.environ) -> Settings:
    """Start what is not running yet, wait until all of it is healthy, and return its settings.

    Args:
        say: takes one line of progress at a time; never a secret.
        environment: the user's variables (ports, endpoints, CALI_RUN_DIR, …).

    Raises:
        ConfigurationError: a variable is wrong, a port that was asked for is taken, or a migration failed.
        TransientError: a program did not become healthy; what this call had started is stopped again, and the message
            has the end of that program's log.
    """
    supervisor = Supervisor(run_folder(environment))
    if supervisor.is_running():
        settings = saved_settings(environment)
        if all(line.is_as_it_should_be for line in status(environment)):
            say("the stack is already up")
            return settings
        say("the stack is partly up: starting the rest")
        _start_all(supervisor, settings, say, environment)
        return settings
    if not packages_are_installed():
        say("installing the npm packages of local/package-lock.json")
        install_packages()
    if left := supervisor.stop():
        say(f"ended {left} processes that an earlier crash had left behind")
    settings = for_next_start(environment)
    for note in settings.notes:
        say(note)
    _lay_out(settings)
    try:
        supervisor.start(programs(settings, environment), environment)
        _start_all(supervisor, settings, say, environment)
    except (CaliError, KeyboardInterrupt, SystemExit):
        try:
            say("stopping what was started")
        finally:
            supervisor.stop()
        raise
    return settings


def down(say: Say, environment: Mapping[str, str] = os.environ) -> None:
    """Stop every process of the stack and nothing else; data, ports and passwords stay."""
    supervisor = Supervisor(run_folder(environment))
    was_running = supervisor.is_running()
    if was_running:
        say("stopping the stack")
    left = supervisor.stop()
    if left:
        say(f"ended {left} processes that had outlived their supervisor or parent")
    say("the stack is down" if was_running or left else "the stack was not up")


def status(environment: Mapping[str, str] = os.environ) -> list[ProgramStatus]:
    """Return how each program is.

    Raises:
        TransientError: the stack is not running.
    """
    states = Supervisor(run_folder(environment)).states()
    settings = saved_settings(environment)
    return statuses(settings, programs(settings, environment), states)


def is_up(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the stack's supervisor answers, however its programs are."""
    return Supervisor(run_folder(environment)).is_running()


def clean(say: Say, environment: Mapping[str, str] = os.environ) -> None:
    """Stop the stack if it is up and remove its run folder with all data; the next start is a first one."""
    run_dir = run_folder(environment)
    down(say, environment)
    if run_dir.exists() and not _is_run_folder(run_dir):
        raise ConfigurationError(f"{run_dir} holds no stack.json, so it is not removed: check CALI_RUN_DIR")
    shutil.rmtree(run_dir, ignore_errors=True)
    say(f"removed {run_dir}")


def psql(statement: str | None, environment: Mapping[str, str] = os.environ) -> int:
    """Run SQL on CALI's database, or open a prompt there; return psql's exit code, not 0 after an error."""
    settings = saved_settings(environment)
    options = ["--set", "ON_ERROR_STOP=1", *(("--command", statement) if statement else ())]
    quiet = {"PGOPTIONS": "--client-min-messages=warning", "PSQL_PAGER": os.environ.get("PSQL_PAGER", "")}
    # The URI has the password, so it travels in the environment: a command line is everybody's to read.
    variables = {**process_environment(settings, environment), **quiet, **_libpq_variables(settings)}
    return subprocess.run((binary("psql"), *options), env=variables, check=False).returncode


def airflow(arguments: list[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run Airflow's command line with the stack's environment; return its exit code."""
    variables = process_environment(saved_settings(environment), environment)
    return subprocess.run(airflow_command(*arguments), env=variables, cwd=ROOT, check=False).returncode


def saved_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of the stack as it was last started.

    Raises:
        ConfigurationError: there was no start yet.
    """
    run_dir = run_folder(environment)
    settings = load(run_dir)
    if settings is None:
        raise ConfigurationError(f"No stack was started in {run_dir} yet: run `make up`")
    return settings


def log_folder(settings: Settings) -> Path:
    """Return where each program's log is, as `<program>.log`."""
    return settings.run_dir / "log"


def _start_all(supervisor: Supervisor, settings: Settings, say: Say, environment: Mapping[str, str]) -> None:
    supervisor.start_group(SERVERS)
    _wait_for(SERVERS, supervisor, settings, environment, _SERVERS_SECONDS)
    say("the servers answer")
    prepare(settings, say, environment)
    say("starting Airflow")
    supervisor.start_group(AIRFLOW)
    _wait_for(AIRFLOW, supervisor, settings, environment, _AIRFLOW_SECONDS)
    say("Airflow is healthy")


def _wait_for(
    group: str, supervisor: Supervisor, settings: Settings, environment: Mapping[str, str], seconds: float
) -> None:
    members = [program for program in programs(settings, environment) if program.group == group]
    deadline = time.monotonic() + seconds
    while True:
        states = supervisor.states()
        waiting = [line for line in statuses(settings, members, states) if not line.is_as_it_should_be]
        if not waiting:
            return
        given_up = [state.name for state in states if state.group == group and state.is_given_up]
        if given_up:
            raise TransientError(_with_log(f"{given_up[0]} does not stay up", given_up[0], settings))
        if time.monotonic() > deadline:
            first = waiting[0]
            raise TransientError(
                _with_log(f"{first.name} is {first.state!r} after {seconds:.0f} s", first.name, settings)
            )
        time.sleep(_POLL_SECONDS)


def _with_log(sentence: str, program: str, settings: Settings) -> str:
    path = log_folder(settings) / f"{program}.log"
    lines = last_lines(path.read_text(errors="replace")) if path.is_file() else "(it has written nothing)"
    return f"{sentence}; the end of {path}:\n{lines}"


def _lay_out(settings: Settings) -> None:
    save(settings)
    for folder in ("log", "airflow"):
        (settings.run_dir / folder).mkdir(exist_ok=True, mode=0o700)
    passwords = settings.run_dir / "passwords.json"
    with os.fdopen(os.open(passwords, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({ADMIN: settings.secrets.admin_password}, file)


def _libpq_variables(settings: Settings) -> dict[str, str]:
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    parts = conninfo_to_dict(cali_postgres_uri(settings))
    return {variable: str(parts[name]) for name, variable in names.items() if name in parts}


def _is_run_folder(folder: Path) -> bool:
    return (folder / "stack.json").is_file() or not any(folder.iterdir())


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 when it succeeded, for `status` when all is healthy, else 1 or the called program's code."""
    chosen = _parser().parse_args(arguments)
    try:
        return _run_verb(chosen)
    except CaliError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.stack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="start the stack, or what is missing of it, in the background")
    verbs.add_parser("down", help="stop every process of the stack; its data stays")
    verbs.add_parser("status", help="show each program; 0 only when all is healthy")
    verbs.add_parser("clean", help="stop the stack and remove its run folder with all data")
    verbs.add_parser("psql", help="run SQL on CALI's database").add_argument("sql", nargs="?")
    in_airflow = verbs.add_parser("airflow", help="run Airflow's command line in the stack", add_help=False)
    in_airflow.add_argument("arguments", nargs=argparse.REMAINDER)
    verbs.add_parser("env", help="print the stack's variables for `eval`, secrets included")
    return parser


def _run_verb(chosen: argparse.Namespace) -> int:
    if chosen.verb == "psql":
        return psql(chosen.sql or None)
    if chosen.verb == "airflow":
        # From the Makefile they come as one text.
        alone = len(chosen.arguments) == 1
        return airflow(shlex.split(chosen.arguments[0]) if alone else chosen.arguments)
    if chosen.verb == "status":
        lines = status()
        _say(table(lines))
        return 0 if all(line.is_as_it_should_be for line in lines) else 1
    if chosen.verb == "env":
        ours = process_environment(saved_settings(), {}).items()
        _say("\n".join(f"export {name}={shlex.quote(value)}" for name, value in ours))
    elif chosen.verb == "up":
        _say(where_to_look(up(_say)))
    else:
        {"down": down, "clean": clean}[chosen.verb](_say)
    return 0


def where_to_look(settings: Settings) -> str:
    """Return the addresses and the login for the terminal; it holds Airflow's password and belongs into no log."""
    slack_page = "yours" if settings.external.slack else slack(settings).address
    return (
        f"Airflow  {settings.airflow_url}  user {ADMIN}, password {settings.secrets.admin_password}\n"
        f"Slack    {slack_page}\n"
        f"Logs     {log_folder(settings)}"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
