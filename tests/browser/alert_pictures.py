"""Draw the guide's pictures of alerts: ``python -m tests.browser.alert_pictures [NAME ...]``.

A day of a shop goes through the alerts' own code into the Slack emulator, and what that has is drawn as on a phone.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slack_sdk import WebClient

from include.adapters.slack import SlackApiMessenger
from local.servers.node import install_packages
from local.servers.server import running
from local.servers.slack import SlackServer
from tests.browser.airflow_ui import chromium
from tests.browser.alert_days import Shop, drain, hold, live, promise
from tests.browser.block_kit import page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"
DAYS = {"alerts": live, "alerts-held-back": hold, "alerts-drain": drain, "alerts-promises": promise}
CHANNELS = ("cali-quality", "cali-alerts")


def told(client: WebClient) -> list[Mapping[str, Any]]:
    """Return the channels' messages, oldest first, each with its thread."""
    numbers = {one["name"]: one["id"] for one in client.conversations_list()["channels"]}
    messages = [
        (numbers[name], message)
        for name in CHANNELS
        for message in client.conversations_history(channel=numbers[name], limit=200)["messages"][::-1]
    ]
    threads = [client.conversations_replies(channel=at, ts=message["ts"], limit=200) for at, message in messages]
    return [message for thread in threads for message in thread["messages"]]


def draw(messages: Iterable[Mapping[str, Any]], picture: Path, folder: Path) -> None:
    """Save messages as a picture, as wide as a phone."""
    with chromium(folder) as browser:
        view = browser.new_page(viewport={"width": 390, "height": 844}, device_scale_factor=1.5)
        view.set_content(page(messages))
        view.screenshot(path=str(picture), full_page=True)


def main() -> None:
    """Draw the pictures that are named, or all."""
    install_packages()
    for name in sys.argv[1:] or DAYS:
        with tempfile.TemporaryDirectory() as folder:
            server = SlackServer(Path(folder), _free_port(), "xoxb-pictures")
            with running(server, Path(folder) / "slack.log"):
                client = WebClient(server.token, base_url=server.api)
                DAYS[name](Shop(SlackApiMessenger(client)))
                draw(told(client), PICTURES / f"{name}.png", Path(folder))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
