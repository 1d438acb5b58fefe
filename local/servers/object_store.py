"""An S3 server over a folder: `rclone serve s3`; a bucket is a folder, an object a file."""

import signal
import sysconfig
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.servers.aws import Credentials, client
from local.servers.server import LOOPBACK


@dataclass(frozen=True)
class ObjectStore:
    """One S3 endpoint."""

    folder: Path
    port: int
    credentials: Credentials
    name: str = "s3"
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 20

    @property
    def command(self) -> tuple[str, ...]:
        """Rclone without cache: what it acknowledged is a file."""
        rclone = Path(sysconfig.get_path("scripts")) / "rclone"
        options = ("--addr", f"{LOOPBACK}:{self.port}", "--vfs-cache-mode", "off", "--etag-hash", "MD5")
        return (str(rclone), "serve", "s3", str(self._buckets), *options, "--config", "")

    @property
    def environment(self) -> Mapping[str, str]:
        """The access key; rclone wants it as one quoted CSV field."""
        return {"RCLONE_AUTH_KEY": f'"{self.credentials.key},{self.credentials.secret}"'}

    @property
    def address(self) -> str:
        """The endpoint's URL."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def _buckets(self) -> Path:
        return self.folder / "buckets"

    def prepare(self) -> None:
        """Make the folder that holds the buckets."""
        self._buckets.mkdir(parents=True, exist_ok=True, mode=0o700)

    def problem(self) -> str | None:
        """List the buckets."""
        try:
            with closing(client("s3", self.address, self.credentials)) as s3:
                s3.list_buckets()
        except (BotoCoreError, ClientError) as error:
            return str(error)
        return None
