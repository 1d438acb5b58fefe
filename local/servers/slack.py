"""A Slack workspace of one's own: npm `emulate`, with a page that shows every message.

It forgets all when it ends, and lets any token in, as it is meant for development.
"""

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from local.servers.node import MODULES, node_command
from local.servers.server import LOOPBACK

FRAUD_CHANNEL = "cali-fraud"
CHANNELS = ("cali-alerts", "cali-quality", FRAUD_CHANNEL)
_TIMEOUT_SECONDS = 2


@dataclass(frozen=True)
class SlackServer:
    """One workspace with one bot."""

    folder: Path
    port: int
    token: str = field(repr=False)
    name: str = "slack"
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 10

    @property
    def command(self) -> tuple[str, ...]:
        """Only the Slack service of the many that the program has."""
        script = node_command(MODULES / "emulate" / "dist" / "index.js")
        options = ("--service", "slack", "--host", LOOPBACK, "--port", str(self.port), "--seed", str(self._seed))
        return (*script, "start", *options)

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing beyond what is inherited."""
        return {}

    @property
    def address(self) -> str:
        """The page to look at."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def api(self) -> str:
        """The base URL for slack_sdk and for a Connection's `base_url`."""
        return f"{self.address}/api/"

    @property
    def _seed(self) -> Path:
        return self.folder / "seed.json"

    def prepare(self) -> None:
        """Write the workspace's seed, readable by its owner alone: it holds the bot's token."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        seed = {
            "slack": {
                "team": {"name": "CALI", "domain": "cali"},
                "users": [{"name": "cali", "real_name": "CALI"}],
                "bots": [{"name": "cali"}],
                "channels": [{"name": channel} for channel in CHANNELS],
                "tokens": [{"token": self.token, "type": "bot", "user": "cali"}],
            }
        }
        with os.fdopen(os.open(self._seed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(seed, file)

    def problem(self) -> str | None:
        """Ask who the bot is (`auth.test`)."""
        try:
            WebClient(self.token, base_url=self.api, timeout=_TIMEOUT_SECONDS).auth_test()
        except (SlackClientError, URLError, OSError) as error:
            return str(error)
        return None
