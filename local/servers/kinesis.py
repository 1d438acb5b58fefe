"""Two Kinesis emulators: `kinesis-local`, the faithful one, and `kinesalite`, the fast one.

kinesis-local rewrites its whole state as one JSON file and serves nobody meanwhile (about 4 s for 15,000 records of
600 bytes), so it is told to do so only when it stops in good order: after a SIGKILL its streams are new and empty.
An order to stop waits up to 30 s for clients that keep a connection open.
kinesalite keeps every record in LevelDB as it arrives and survives a SIGKILL with its data.
"""

import json
import logging
import signal
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.servers.aws import Credentials, client
from local.servers.node import MODULES, node_command
from local.servers.server import LOOPBACK

log = logging.getLogger(__name__)

_STATE_FILE = "kinesis-data.json"
PAUSE_MS = 50
"""How long making, deleting, splitting and merging take: long enough to be seen, a tenth of what the emulators take."""


@dataclass(frozen=True)
class _Kinesis:
    """What both emulators share: an HTTP endpoint that takes any credentials."""

    folder: Path
    port: int
    credentials: Credentials
    streams: tuple[str, ...] = ()
    name: str = "kinesis"
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 120

    @property
    def address(self) -> str:
        """The endpoint's URL."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing beyond what is inherited."""
        return {}

    def prepare(self) -> None:
        """Make the folder for its state."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def problem(self) -> str | None:
        """List the streams."""
        try:
            with closing(client("kinesis", self.address, self.credentials)) as kinesis:
                kinesis.list_streams(Limit=1)
        except (BotoCoreError, ClientError) as error:
            return str(error)
        return None


@dataclass(frozen=True)
class KinesisLocal(_Kinesis):
    """npm `kinesis-local`: child shards, closed shards that end, lag, the API's limits."""

    @property
    def command(self) -> tuple[str, ...]:
        """Node on its single script."""
        return node_command(MODULES / "kinesis-local" / "main.js")

    @property
    def environment(self) -> Mapping[str, str]:
        """Its ports, its streams (born again after a SIGKILL) and where its state goes."""
        streams = ",".join(f"{stream}:2:{self.credentials.region}" for stream in self.streams)
        return {
            "AWS_REGION": self.credentials.region,
            "CREATE_STREAM_DURATION": f"{PAUSE_MS}ms",
            "DELETE_STREAM_DURATION": f"{PAUSE_MS}ms",
            "MERGE_SHARDS_DURATION": f"{PAUSE_MS}ms",
            "SPLIT_SHARD_DURATION": f"{PAUSE_MS}ms",
            "KINESIS_MOCK_CERT_PATH": str(MODULES / "kinesis-local" / "server.json"),
            "KINESIS_MOCK_PLAIN_PORT": str(self.port),
            "KINESIS_MOCK_TLS_PORT": "0",
            "LOG_LEVEL": "WARN",
            "PERSIST_FILE_NAME": _STATE_FILE,
            "PERSIST_INTERVAL": "365d",
            "PERSIST_PATH": str(self.folder),
            "SHOULD_PERSIST_DATA": "true",
        } | ({"INITIALIZE_STREAMS": streams} if streams else {})

    def prepare(self) -> None:
        """Put a state file aside that a kill left half-written: the emulator would not start on it."""
        super().prepare()
        state = self.folder / _STATE_FILE
        if not state.is_file():
            return
        try:
            json.loads(state.read_bytes())
        except ValueError:
            state.replace(state.with_suffix(".broken"))
            log.warning("kinesis state was half-written and is put aside file=%s", state.with_suffix(".broken"))


@dataclass(frozen=True)
class Kinesalite(_Kinesis):
    """npm `kinesalite`: the fastest and durable, without ChildShards and with a lag of always 0."""

    @property
    def command(self) -> tuple[str, ...]:
        """Node on its command-line script."""
        script = node_command(MODULES / "kinesalite" / "cli.js")
        pauses = [f"--{verb}StreamMs={PAUSE_MS}" for verb in ("create", "delete", "update")]
        folder = str(self.folder / "kinesalite")
        return (*script, "--port", str(self.port), "--path", folder, "--shardLimit", "100", *pauses)
