"""The shop's seven services, the ways a request takes through them, and the warnings of an ordinary day."""

from dataclasses import dataclass
from random import Random

from include.streams.logs.simulation.template import Template

REPLICAS = 3
_POD_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class Service:
    """A deployed service: its version and the names of its pods."""

    name: str
    version: str
    pods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What a service says in one place of its code; ``priced`` lines carry the amount as fields of their own."""

    service: str
    logger: str
    message: Template
    priced: bool = False


def _line(service: str, logger: str, message: str, *, priced: bool = False) -> Line:
    return Line(service, logger, Template(message), priced=priced)


NAMES = ("gateway", "auth", "catalog", "cart", "order", "payment", "notification")

_GATEWAY = "c.s.gateway.AccessLog"
_TOKEN = _line("auth", "auth.tokens", "Token of customer {customer} verified in {int:1-9} ms, {int:60-900} s left")

JOURNEYS: tuple[tuple[Line, ...], ...] = (
    (  # browse
        _line("gateway", _GATEWAY, "GET /catalog/{sku} from {ip} answered 200 in {int:4-180} ms, {int:900-9000} bytes"),
        _line("catalog", "c.s.catalog.ProductService", "Product {sku} served from cache, {int:1-40} in stock"),
    ),
    (  # log in
        _line("gateway", _GATEWAY, "POST /login from {ip} answered 200 in {int:30-300} ms"),
        _line("auth", "auth.login", "Customer {customer} logged in as {email} from {ip}"),
    ),
    (  # fill the cart
        _line("gateway", _GATEWAY, "POST /cart/items from {ip} answered 201 in {int:8-120} ms"),
        _TOKEN,
        _line("cart", "cart.items", "Added {int:1-5} x {sku} to the cart of customer {customer}"),
        _line("catalog", "c.s.catalog.StockService", "Reserved {sku} for {int:10-30} minutes"),
    ),
    (  # check out
        _line("gateway", _GATEWAY, "POST /orders from {ip} answered 202 in {int:40-400} ms"),
        _TOKEN,
        _line("cart", "cart.pricing", "Cart of customer {customer} priced at {amount} {currency}", priced=True),
        _line("order", "c.s.order.CheckoutService", "Order {order} accepted for {name}, ships to {address}"),
        _line(
            "payment",
            "c.s.payment.CardPaymentService",
            "Transaction {transaction} authorised: {amount} {currency} for order {order}",
            priced=True,
        ),
        _line("order", "c.s.order.CheckoutService", "Order {order} paid with transaction {transaction}"),
        _line("notification", "c.s.notification.Mailer", "Confirmation of order {order} sent to {email}"),
    ),
    (  # look at an order
        _line("gateway", _GATEWAY, "GET /orders/{order} from {ip} answered 200 in {int:5-90} ms"),
        _TOKEN,
        _line("order", "c.s.order.OrderQueries", "Order {order} read for customer {customer} in {int:1-30} ms"),
    ),
)
"""Every way of a request: the lines that it leaves at level INFO, in order."""

ORDINARY_WARNINGS: tuple[Line, ...] = (
    _line("auth", "auth.login", "Login of {email} from {ip} refused: wrong password, attempt {int:1-4} of 5"),
    _line("catalog", "c.s.catalog.ProductService", "Slow query for {sku} took {int:1000-4000} ms, limit is 800 ms"),
    _line("order", "c.s.order.AddressCheck", "Address of customer {customer} could not be verified: {address}"),
)
"""Warnings that mean nothing much, at any time; few kinds."""


def deploy(rng: Random) -> dict[str, Service]:
    """Return the seven services by name, with versions and pod names drawn from ``rng``."""
    return {name: _deployed(name, rng) for name in NAMES}


def _deployed(name: str, rng: Random) -> Service:
    replica_set = f"{rng.getrandbits(36):09x}"
    return Service(
        name=name,
        version=f"{rng.randint(1, 4)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}",
        pods=tuple(f"{name}-{replica_set}-{''.join(rng.choices(_POD_LETTERS, k=5))}" for _ in range(REPLICAS)),
    )
