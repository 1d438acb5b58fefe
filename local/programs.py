"""The long-running programs of the stack, in the order in which they start."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.environment import broker, object_store, postgres, process_environment, slack
from local.servers.kinesis import Kinesalite, KinesisLocal
from local.servers.server import Server
from local.settings import Settings
from local.workers import WORKER

SERVERS = "servers"
AIRFLOW = "airflow"
WATCHER = "watcher"
"""Told to start with Airflow and knows nothing of it but its health page."""
SERVER_NAMES = ("postgres", "kinesis", "s3", "slack", "broker")


@dataclass(frozen=True)
class Program:
    """One program as the supervisor runs it."""

    name: str
    group: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    address: str = ""
    server: Server | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 20


def servers(settings: Settings) -> tuple[Server, ...]:
    """Return the embedded servers, without those that the user replaced by an address of his own."""
    chosen: list[Server] = []
    if settings.embeds_postgres:
        chosen.append(postgres(settings))
    if settings.external.kinesis is None:
        engine = Kinesalite if settings.kinesis_engine == "kinesalite" else KinesisLocal
        folder = settings.run_dir / "kinesis"
        chosen.append(engine(folder, settings.ports.kinesis, settings.credentials, settings.streams))
    if settings.external.s3 is None:
        chosen.append(object_store(settings))
    if settings.external.slack is None:
        chosen.append(slack(settings))
    if settings.executor == "celery":
        chosen.append(broker(settings))
    return tuple(chosen)


def programs(settings: Settings, inherited: Mapping[str, str]) -> tuple[Program, ...]:
    """Return every program of the stack.

    Args:
        settings: the stack's.
        inherited: the user's own environment.
    """
    environment = process_environment(settings, inherited)
    return (
        *(_server_program(server, environment) for server in servers(settings)),
        *(_airflow_program(name, settings, environment) for name in _AIRFLOW_ARGUMENTS),
        *(_worker(name, environment) for name in worker_names(settings)),
        Program(WATCHER, AIRFLOW, (sys.executable, "-m", "include.watcher"), environment),
    )


def worker_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the Celery workers; LocalExecutor's are the scheduler's own children."""
    return tuple(f"worker-{number + 1}" for number in range(settings.workers)) if settings.executor == "celery" else ()


def airflow_command(*arguments: str) -> tuple[str, ...]:
    """Return a command of Airflow's command line in this virtual environment."""
    return (sys.executable, "-m", "airflow", *arguments)


# Their log servers are left out: those listen on all interfaces, and here the API server reads the files itself.
_AIRFLOW_ARGUMENTS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}


def _server_program(server: Server, environment: Mapping[str, str]) -> Program:
    return Program(
        name=server.name,
        group=SERVERS,
        command=server.command,
        environment={**environment, **server.environment},
        address=server.address,
        server=server,
        stop_signal=server.stop_signal,
        stop_seconds=server.stop_seconds,
    )


def _airflow_program(name: str, settings: Settings, environment: Mapping[str, str]) -> Program:
    address = settings.airflow_url if name == "api-server" else ""
    return Program(name, AIRFLOW, airflow_command(name, *_AIRFLOW_ARGUMENTS[name]), environment, address)


def _worker(name: str, environment: Mapping[str, str]) -> Program:
    # Alone on its machine a worker needs neither to greet others nor to hear their gossip.
    options = ("--celery-hostname", name, "--skip-serve-logs", "--without-mingle", "--without-gossip")
    variables = {
        WORKER: name,
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "local.workers.name",
        # The parent of the pool loads our plugin before it forks, and with it all that tasks need: docs/warm-workers.md
        "AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "False",
        # One process less in each worker: the other programs tidy up the same folder.
        "AIRFLOW__DAG_PROCESSOR__STALE_BUNDLE_CLEANUP_INTERVAL": "0",
    }
    return Program(name, AIRFLOW, airflow_command("celery", "worker", *options), {**variables, **environment})
