"""What one machine's stack is made of: ports, secrets, and which servers are embedded.

`decide` is a pure function of the environment, of what an earlier start saved, and of two questions about ports. Its
answer is kept in `<run folder>/stack.json` (mode 0600), so that the next start goes on with the same data, ports and
passwords.
"""

import base64
import json
import os
import secrets as random
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from include.errors import ConfigurationError
from local.servers.aws import Credentials
from local.servers.server import LOOPBACK
from local.variables import executor_asked, kinesis_engine, port_asked, workers_asked

ROOT = Path(__file__).resolve().parents[1]
REGION = "eu-central-1"
BUCKET = "cali"

# For each listener: the port it prefers, and the variable with which a user sets another.
PREFERRED_PORTS = {
    "airflow": (8080, "AIRFLOW_PORT"),
    "slack": (4003, "SLACK_PORT"),
    "postgres": (15432, "POSTGRES_PORT"),
    "kinesis": (4567, "KINESIS_PORT"),
    "s3": (9090, "S3_PORT"),
    "broker": (16379, "BROKER_PORT"),
}


@dataclass(frozen=True)
class Ports:
    """Where each listener is, on loopback."""

    airflow: int
    slack: int
    postgres: int
    kinesis: int
    s3: int
    # With its default a stack that was set up before there was a broker goes on.
    broker: int = PREFERRED_PORTS["broker"][0]


@dataclass(frozen=True)
class Secrets:
    """What was generated at the first start."""

    postgres_password: str
    cali_password: str
    airflow_database_password: str
    admin_password: str
    jwt_secret: str
    api_secret: str
    fernet_key: str
    aws_key: str
    aws_secret: str
    slack_token: str
    broker_password: str = field(default_factory=lambda: random.token_hex(16))
    card_key: str = field(default_factory=lambda: random.token_hex(32))


@dataclass(frozen=True)
class External:
    """Servers that the user named: for each of them no embedded one is started. May hold secrets."""

    kinesis: str | None = None
    s3: str | None = None
    cali_postgres: str | None = None
    airflow_database: str | None = None
    slack: str | None = None
    aws_key: str | None = None
    aws_secret: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that decides which programs run and what they are told; its repr shows no secret."""

    run_dir: Path
    ports: Ports
    secrets: Secrets = field(repr=False)
    external: External = field(default=External(), repr=False)
    kinesis_engine: str = "kinesis-local"
    streams: tuple[str, ...] = ("logs",)
    pace: str = "balanced"
    executor: str = "local"
    workers: int = 2
    notes: tuple[str, ...] = ()

    @property
    def airflow_url(self) -> str:
        """Where a browser finds Airflow."""
        return f"http://{LOOPBACK}:{self.ports.airflow}"

    @property
    def credentials(self) -> Credentials:
        """What the embedded servers accept: the user's keys beside an external server, else generated ones."""
        return Credentials(
            self.external.aws_key or self.secrets.aws_key,
            self.external.aws_secret or self.secrets.aws_secret,
            self.external.region or REGION,
        )

    @property
    def embeds_postgres(self) -> bool:
        """True unless both databases are the user's."""
        return not (self.external.cali_postgres and self.external.airflow_database)


def decide(
    environment: Mapping[str, str],
    saved: Settings | None,
    is_free: Callable[[int], bool],
    any_free: Callable[[], int],
    new_secrets: Callable[[], Secrets],
) -> Settings:
    """Return the settings of the next start; `notes` says in sentences what is not as preferred.

    Raises:
        ConfigurationError: a variable is wrong or the port it asks for is taken; the message names it.
    """
    external = _external(environment)
    executor = executor_asked(environment)
    embedded = _embedded(external) | ({"broker"} if executor == "celery" else set())
    ports, notes = _choose_ports(environment, saved, embedded, is_free, any_free)
    before = saved.kinesis_engine if saved else None
    engine = kinesis_engine(environment, before, embedded=external.kinesis is None)
    streams = environment.get("CALI_STREAMS") or environment.get("STREAMS") or "logs"
    return Settings(
        run_dir=run_folder(environment),
        ports=ports,
        secrets=saved.secrets if saved else new_secrets(),
        external=external,
        kinesis_engine=engine,
        streams=tuple(streams.replace(",", " ").split()),
        pace=environment.get("CALI_PACE") or environment.get("PACE") or "balanced",
        executor=executor,
        workers=workers_asked(environment),
        notes=tuple(notes),
    )


def run_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of everything that the stack writes: `CALI_RUN_DIR`, else `.run` beside the Makefile."""
    return Path(environment.get("CALI_RUN_DIR") or ROOT / ".run").absolute()


def save(settings: Settings) -> None:
    """Write `stack.json`, whole or not at all, readable by its owner alone."""
    settings.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = asdict(settings)
    del content["run_dir"], content["notes"]
    new = settings.run_dir / "stack.json.new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2)
    new.replace(settings.run_dir / "stack.json")


def load(run_dir: Path) -> Settings | None:
    """Return what the last start saved in a run folder, or None when there was none.

    Raises:
        ConfigurationError: the file is not one of this version's.
    """
    path = run_dir / "stack.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text())
        return Settings(
            run_dir=run_dir,
            ports=Ports(**content.pop("ports")),
            secrets=Secrets(**content.pop("secrets")),
            external=External(**content.pop("external")),
            streams=tuple(content.pop("streams")),
            **content,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}): run `make clean` for a new start") from error


def generate_secrets() -> Secrets:
    """Return fresh secrets, all safe inside a URL."""
    passwords = (random.token_hex(16) for _ in range(6))
    return Secrets(
        postgres_password=next(passwords),
        cali_password=next(passwords),
        airflow_database_password=next(passwords),
        admin_password=random.token_urlsafe(9),
        jwt_secret=random.token_hex(32),
        api_secret=next(passwords),
        fernet_key=base64.urlsafe_b64encode(random.token_bytes(32)).decode(),
        aws_key=f"CALI{random.token_hex(8).upper()}",
        aws_secret=next(passwords),
        slack_token=f"xoxb-{next(passwords)}",
    )


def port_is_free(port: int) -> bool:
    """Return whether a server could listen on a port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return some port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def for_next_start(environment: Mapping[str, str]) -> Settings:
    """Decide with this machine's ports and what is saved in the run folder.

    Raises:
        ConfigurationError: see `decide` and `load`.
    """
    saved = load(run_folder(environment))
    return decide(environment, saved, port_is_free, free_port, generate_secrets)


def _external(environment: Mapping[str, str]) -> External:
    named = {
        "kinesis": environment.get("AWS_ENDPOINT_URL_KINESIS") or None,
        "s3": environment.get("AWS_ENDPOINT_URL_S3") or None,
        "cali_postgres": environment.get("CALI_POSTGRES_URI") or None,
        "airflow_database": environment.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") or None,
        "slack": environment.get("AIRFLOW_CONN_SLACK_DEFAULT") or None,
    }
    if not (named["kinesis"] or named["s3"]):
        return External(**named)
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not (named["kinesis"] and named["s3"]) and not (key and secret):
        raise ConfigurationError(
            "One of Kinesis and S3 is yours, the other embedded: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "which both will accept"
        )
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return External(**named, aws_key=key, aws_secret=secret, region=region)


def _embedded(external: External) -> set[str]:
    names = {"airflow"}
    names |= {name for name in ("kinesis", "s3", "slack") if getattr(external, name) is None}
    if not (external.cali_postgres and external.airflow_database):
        names.add("postgres")
    return names


def _choose_ports(
    environment: Mapping[str, str],
    saved: Settings | None,
    embedded: set[str],
    is_free: Callable[[int], bool],
    any_free: Callable[[], int],
) -> tuple[Ports, list[str]]:
    chosen: dict[str, int] = {}
    notes = []
    for name, (preferred, variable) in PREFERRED_PORTS.items():
        asked = port_asked(environment, variable)
        wanted = asked or (getattr(saved.ports, name) if saved else preferred)
        if name not in embedded or (wanted not in chosen.values() and is_free(wanted)):
            chosen[name] = wanted
        elif asked:
            raise ConfigurationError(f"Port {asked} ({variable}) is taken: set {variable} to a free one, or unset it")
        else:
            chosen[name] = any_free()
            notes.append(f"Port {wanted} is taken: {name} is at {chosen[name]} ({variable} sets another)")
    return Ports(**chosen), notes
