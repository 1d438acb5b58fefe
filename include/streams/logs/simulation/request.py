"""The shop's customers and their requests; the facts that all events of one request share."""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from faker import Faker

CUSTOMERS = 300
NUMBERS = 2_000
LOCALES = ["en_US", "de_DE", "fr_FR"]


class Customer(NamedTuple):
    """A made-up person."""

    customer_id: str
    name: str
    email: str
    address: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request on its way through the services; ``amount`` is an exact decimal, ``replica`` picks the pods."""

    request_id: str
    correlation_id: str
    replica: int
    customer: Customer
    order_number: str
    transaction_number: str
    amount: str
    currency: str
    sku: str


class Requests:
    """Makes requests from pools that Faker fills once, because Faker is too slow to be asked per record."""

    def __init__(self, rng: Random) -> None:
        fake = Faker(LOCALES)
        fake.seed_instance(rng.getrandbits(64))
        self._rng = rng
        self._customers = [
            Customer(
                customer_id=fake.bothify("C-#######"),
                name=fake.name(),
                email=fake.safe_email(),
                address=fake.address().replace("\n", ", "),
            )
            for _ in range(CUSTOMERS)
        ]
        plain = fake["en_US"]
        self._orders = [plain.bothify("ORD-########") for _ in range(NUMBERS)]
        self._transactions = [plain.bothify("TX-????-########").upper() for _ in range(NUMBERS)]
        self._skus = [plain.bothify("SKU-####-??").upper() for _ in range(NUMBERS)]

    def new(self) -> Request:
        """Return the next request."""
        rng = self._rng
        cents = 199 + int(rng.random() * 250_000)
        return Request(
            request_id=f"req-{rng.getrandbits(48):012x}",
            correlation_id=f"{rng.getrandbits(128):032x}",
            replica=rng.getrandbits(8),
            customer=rng.choice(self._customers),
            order_number=rng.choice(self._orders),
            transaction_number=rng.choice(self._transactions),
            amount=f"{cents // 100}.{cents % 100:02d}",
            currency=rng.choice(("EUR", "USD", "GBP")),
            sku=rng.choice(self._skus),
        )
