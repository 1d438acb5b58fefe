"""Days of a shop, as its alerts go through the alerts' own code: what the guide's pictures are drawn from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.alerts.acknowledging import Wanted
from include.alerts.dispatch import dispatch
from include.alerts.event import RecordIdentity, gap_event, quality_event
from include.alerts.grouping import group_events
from include.alerts.mutes import By
from include.alerts.muting import Matcher
from include.alerts.outbox import Notice
from include.alerts.routing import Route, Routing
from include.alerts.settings import AlertSettings
from include.alerts.store_memory import InMemoryAlertStore
from include.records import Gap, GapReason
from include.reports.digest import digest
from include.sla.burn_message import begun, ended
from include.sla.contract import SlaType
from include.sla.incidents.message import notice
from include.sla.incidents.values import Event, Incident, Kind
from tests.alert_events import SHARD, event
from tests.include.reports.test_rendering import REPORT

if TYPE_CHECKING:
    from include.adapters.slack import SlackApiMessenger
    from include.alerts.event import AlertEvent

CHANNEL = "cali-alerts"
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
        times = {"occurred_at": self.now, "arrived_at": self.now, "attributes": {"version": version, "pod": pod}}
        self.take(*(event(message, number, **(times | fields)) for number, message in enumerate(messages)))

    def take(self, *happened: AlertEvent, replayed: bool = False) -> None:
        """Take a batch of what is to be told."""
        self._batches += 1
        batch = group_events(happened, replayed=replayed)
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


def drain(shop: Shop) -> None:
    """Let a batch fail its audit, a stream lose records, a backlog and a replay come, fraud, and a channel be gone."""
    failures = {
        "expect_column_values_to_not_be_null(service)": "12 of 500 rows",
        "expect_table_row_count_to_be_between": "observed 3",
    }
    shop.take(quality_event("logs", "logs", failures, RecordIdentity(SHARD, "1"), shop.now))
    lost = Gap("logs", SHARD, GapReason.RETENTION, "49590338", shop.now - 27 * 60 * MINUTE, shop.now - 24 * 60 * MINUTE)
    shop.take(gap_event(lost, shop.now))
    shop.tell()
    card = {
        "pod": "",
        "version": "",
        "stream": "transactions",
        "service": "velocity",
        "group_by": ("fraud", "card", "velocity"),
    }
    shop.log("Many transactions of a card within minutes: card 9f31c2aa ending 1111\n6 in 5 minutes", **card)
    shop.tell()
    early = {"occurred_at": shop.now - 50 * MINUTE, "arrived_at": shop.now - 50 * MINUTE}
    for name in ("cart", "order", "payment", "gateway", "catalog"):
        shop.log(*["Could not reach the message broker"] * 7, service=name, **early)
    shop.tell()
    shop.take(
        event("Exchange rate is missing", service="pricing", occurred_at=shop.now, arrived_at=shop.now), replayed=True
    )
    shop.tell()
    gone = Routing((Route(channel="pager", level="FATAL"),))
    shop.settings = replace(shop.settings, routing=gone, fallback_channel=CHANNEL)
    shop.log("Disk is full", severity="FATAL", service="ledger")
    shop.tell()


def promise(shop: Shop) -> None:
    """Break a service level, escalate it, keep it again; burn its budget, and sum up the day."""
    incident = Incident(
        kind=Kind.WINDOW,
        subject="1",
        name="logs_drain",
        owner="log platform",
        channel=CHANNEL,
        severity="critical",
        promise="a completion within every 5 minutes",
        due_at=shop.now,
        cause="its last run failed: logs_drain.drain, try 4: TransientError: s3://cali did not answer",
        url=RUN,
        windows=3,
        sla_type=SlaType.REALTIME,
        incident_id=1,
        opened_at=shop.now,
    )
    steps = ((Event.OPENED, 6, {}), (Event.ESCALATED, 21, {}), (Event.RECOVERED, 24, {"recovery": "caught up"}))
    for step, minutes, fields in steps:
        shop.now = MORNING + minutes * MINUTE
        over = {"recovered_at": shop.now} if fields else {}
        shop.store.enqueue(notice(step, replace(incident, **fields, **over), CHANNEL, shop.now), shop.now)
        shop.tell()
    burning = begun("logs_drain", "realtime", "log platform", 60, 14.4, 4)
    calm = ended("logs_drain", "realtime", "recovered", 50 * MINUTE)
    for key, message in (("burning", burning), ("calm", calm), ("day", digest(REPORT, "reports/logs/2026-03-29.html"))):
        shop.store.enqueue(Notice(key, CHANNEL, "INFO", message), shop.now)
        shop.tell()
