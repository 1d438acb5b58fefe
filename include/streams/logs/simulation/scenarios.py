"""The eight incidents of the shop: who fails, what is said before and while it fails, and the stack trace.

The traces lie in ``traces/``, one file each, 15 to 30 lines when filled. Across all fillings a scenario keeps its
exception types and the application's own frames (``com.shopfront.`` in Java, ``/srv/app/`` in Python).
"""

from dataclasses import dataclass
from pathlib import Path

from include.streams.logs.simulation.services import Line
from include.streams.logs.simulation.template import Template, Trace

_TRACES = Path(__file__).parent / "traces"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of incident: its ERROR with a trace, and the WARN that foretells and goes with it."""

    name: str
    error: Line
    warning: Line
    trace: Trace


def _scenario(name: str, service: str, logger: str, error: str, warning: str) -> Scenario:
    return Scenario(
        name=name,
        error=Line(service, logger, Template(error)),
        warning=Line(service, logger, Template(warning)),
        trace=Trace((_TRACES / f"{name}.txt").read_text(encoding="utf-8")),
    )


SCENARIOS: tuple[Scenario, ...] = (
    _scenario(
        "database_pool_exhausted",
        "order",
        "c.s.order.CheckoutController",
        "Checkout of order {order} over {amount} {currency} failed: no database connection within {int:30000-30090} ms",
        "HikariPool-1 is busy: total=20, active=20, idle=0, waiting={int:5-80}",
    ),
    _scenario(
        "payment_gateway_timeout",
        "payment",
        "c.s.payment.PaymentController",
        "Payment {transaction} of {amount} {currency} for order {order} failed: card acquirer timed out",
        "Card acquirer is slow: transaction {transaction} took {int:4000-9900} ms, limit is 10000 ms",
    ),
    _scenario(
        "redis_outage",
        "cart",
        "cart.api",
        "Cart of customer {customer} could not be loaded: Redis refused the connection",
        "Redis node redis-cart-{int:0-2} missed {int:2-9} pings, last answer {int:1000-9000} ms ago",
    ),
    _scenario(
        "kafka_consumer_lag",
        "notification",
        "c.s.notification.OrderEventListener",
        "Offsets of order-events-{int:0-11} could not be committed, {int:20000-900000} records behind",
        "Consumer notification-{int:1-6} lags: partition order-events-{int:0-11} is {int:5000-90000} records behind",
    ),
    _scenario(
        "out_of_memory_kill",
        "catalog",
        "c.s.catalog.CatalogExporter",
        "Container will be killed (exit code 137): heap {int:2010-2047} MB of 2048 MB used while exporting {sku}",
        "Full GC took {int:900-4000} ms and freed {int:1-40} MB, heap at {int:94-99} percent",
    ),
    _scenario(
        "downstream_5xx",
        "gateway",
        "c.s.gateway.OrderRoute",
        "POST /orders from {ip} answered 503: order service failed for order {order}",
        "Circuit breaker 'order-service' sees {int:30-49} percent failures in the last 100 calls, opens at 50",
    ),
    _scenario(
        "deadlock",
        "payment",
        "c.s.payment.SettlementJob",
        "Settlement of transaction {transaction} over {amount} {currency} rolled back: deadlock in the ledger",
        "Lock on ledger_entries waited for {int:1000-4900} ms, {int:3-30} sessions are queued",
    ),
    _scenario(
        "certificate_expired",
        "auth",
        "auth.provider",
        "Login of {email} failed: identity provider's certificate is not valid any more",
        "Certificate of id.shopfront.example expires in {int:1-59} minutes",
    ),
)
