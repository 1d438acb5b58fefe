"""Draw the guide's pictures of alerts: ``python -m tests.browser.alert_pictures``.

A day of a shop goes through the alerts' own code into the Slack emulator, and what that has is drawn as on a phone.
"""

from __future__ import annotations

import os
import socket
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright
from slack_sdk import WebClient

from include.adapters.slack import SlackApiMessenger
from include.alerts.acknowledging import Wanted
from include.alerts.dispatch import dispatch
from include.alerts.mutes import By
from include.alerts.muting import Matcher
from include.alerts.settings import AlertSettings
from include.alerts.store_memory import InMemoryAlertStore
from local.servers.node import install_packages
from local.servers.server import running
from local.servers.slack import SlackServer
from tests.alert_events import increments
from tests.browser.airflow_ui import ARGUMENTS, _unpack_chromium
from tests.browser.block_kit import page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"
MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RUN = "http://127.0.0.1:8080/dags/logs_drain/runs/scheduled__2026-03-02"
TRACE = """Could not reserve stock for cart 4711
com.shopfront.cart.StockException: no answer from warehouse
\tat com.shopfront.cart.StockClient.reserve(StockClient.java:88)
\tat com.shopfront.cart.Checkout.confirm(Checkout.java:41)
\tat com.shopfront.cart.CartController.post(CartController.java:19)
\tat org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1089)
\tat org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:883)
\tat jakarta.servlet.http.HttpServlet.service(HttpServlet.java:590)
\tat org.apache.catalina.core.StandardWrapperValve.invoke(StandardWrapperValve.java:166)
Caused by: java.net.SocketTimeoutException: Read timed out
\tat com.shopfront.cart.StockClient.call(StockClient.java:61)"""


class Shop:
    """The shop's alerts, on a clock that moves only when told to."""

    def __init__(self, messenger: SlackApiMessenger) -> None:
        self.store = InMemoryAlertStore()
        self.settings = AlertSettings()
        self.now = MORNING
        self._messenger = messenger
        self._batches = 0

    def log(self, *messages: str, version: str = "2.4.0", pod: str = "cart-5f7d-x2x", **fields: Any) -> None:
        """Take a batch of what the shop logged just now."""
        self._batches += 1
        times = {"occurred_at": self.now, "arrived_at": self.now, "attributes": {"version": version, "pod": pod}}
        batch = increments(*messages, **(times | fields))
        self.store.apply(f"logs-shard-0-{self._batches:06d}", batch, self.now, RUN, self.settings)

    def tell(self) -> None:
        """Sweep, and send all there is."""
        self.store.settle(self.now, self.settings)
        dispatch(self.store, self._messenger, self.settings, 600, lambda: self.now, self._wait)

    def _wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def live(shop: Shop) -> None:
    """Let one group live through all its states, beside one that is new and one that somebody is at."""
    for minute in range(30):
        shop.now = MORNING + minute * MINUTE
        many = 4 + minute % 3 if minute < 24 else 40 + 15 * (minute - 24)
        shop.log(*[TRACE] * many, service="cart")
        shop.tell()
    shop.log("Rate of currency [EUR] is 1900 s old", severity="WARN", service="pricing", pod="pricing-1")
    shop.tell()
    [stock, _] = shop.store.groups()
    shop.store.acknowledge(Wanted(number=stock.id), By("ann", "rolling back 2.4.0"), shop.now, shop.settings)
    shop.tell()
    shop.now += 45 * MINUTE
    shop.tell()
    shop.now += 150 * MINUTE
    shop.log(*[TRACE] * 3, service="cart", version="2.4.1", pod="cart-77c9-q8z")
    shop.tell()


def hold(shop: Shop) -> None:
    """Let a cause, a silence and a storm hold something back."""
    shop.store.mutes.inhibit(Matcher(service="orders-db"), Matcher(service="order*"), By("ann", "needs it"), shop.now)
    shop.log("too many connections for role orders", service="orders-db", severity="FATAL", pod="orders-db-0")
    for name in ("orders", "order-mail", "order-history"):
        shop.log(*["Could not open a connection within 30 s"] * 4, service=name, pod=f"{name}-1")
    shop.tell()
    shop.store.mutes.silence(Matcher(service="search*"), shop.now + 60 * MINUTE, By("bob", "new index"), shop.now)
    shop.log(*["Shard 3 is not ready"] * 17, service="search", severity="WARN", pod="search-2")
    shop.tell()
    for number in range(28):
        name = f"{chr(97 + number // 5)}{'aeiou'[number % 5]}l-service"
        shop.log(*["No route to host in zone b"] * (40 - number), service=name, pod=f"{name}-1")
    shop.tell()


def told(client: WebClient) -> list[Mapping[str, Any]]:
    """Return the channel's messages, oldest first, each with its thread."""
    [channel] = [one["id"] for one in client.conversations_list()["channels"] if one["name"] == "cali-alerts"]
    messages = client.conversations_history(channel=channel, limit=200)["messages"]
    threads = [client.conversations_replies(channel=channel, ts=message["ts"], limit=200) for message in messages[::-1]]
    return [message for thread in threads for message in thread["messages"]]


def draw(messages: Iterable[Mapping[str, Any]], picture: Path, folder: Path) -> None:
    """Save messages as a picture, as wide as a phone."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder / "al2023" / "lib"), "HOME": str(folder)}
    program = _unpack_chromium(folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS), env=dict(environment))
        view = browser.new_page(viewport={"width": 390, "height": 844}, device_scale_factor=1.5)
        view.set_content(page(messages))
        view.screenshot(path=str(picture), full_page=True)
        browser.close()


def main() -> None:
    """Draw both pictures."""
    install_packages()
    for name, day in (("alerts", live), ("alerts-held-back", hold)):
        with tempfile.TemporaryDirectory() as folder:
            server = SlackServer(Path(folder), _free_port(), "xoxb-pictures")
            with running(server, Path(folder) / "slack.log"):
                client = WebClient(server.token, base_url=server.api)
                day(Shop(SlackApiMessenger(client)))
                draw(told(client), PICTURES / f"{name}.png", Path(folder))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
