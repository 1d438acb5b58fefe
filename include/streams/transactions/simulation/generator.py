"""Makes the transaction stream's records: purchases as usual, fraud among them, records sent twice, and broken ones.

A valid record is compact JSON of about 300 bytes. All of a card's transactions have the same partition key, which is
no part of its number.
"""

from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

from include.simulator.malformed import Breakable, Spoiler, encode
from include.simulator.record import VALID, GeneratorOptions, SimulatedRecord, StreamSimulation
from include.simulator.spread import Spread, zulu
from include.streams.transactions.simulation.fraud import MEAN_LENGTH, PATTERNS, Purchase
from include.streams.transactions.simulation.holders import HOMES, Holder, Holders
from include.streams.transactions.simulation.merchants import Merchant, Merchants

ONLINE_SHARE = 0.3
FOREIGN_SHARE = 0.1
"""Of what is bought online, the share that is bought in another country's shop."""
REPEATED_AFTER = 200
"""A record is sent again within so many others."""

BREAKABLE = Breakable(
    wrong=(
        ("tx_id", 17),
        ("tx_id", ""),
        ("card_number", "4111111111111112"),
        ("card_number", 4_111_111_111_111_111),
        ("card_number", "4111 1111 1111 1111"),
        ("amount", 12.5),
        ("amount", "12.50"),
        ("amount", 0),
        ("amount", -100),
        ("currency", "EURO"),
        ("currency", "XXX"),
        ("merchant", None),
        ("country", "Germany"),
        ("device", "fax-00000000"),
        ("created_at", 1_767_225_600),
    ),
    required=(
        "tx_id",
        "card_number",
        "amount",
        "currency",
        "merchant_id",
        "merchant",
        "country",
        "device",
        "created_at",
    ),
    text="merchant",
    time="created_at",
    bulky="merchant",
)


class TransactionGenerator:
    """Everybody's card transactions, in the mix that is asked for; see ``include.simulator.record.Generator``."""

    def __init__(self, options: GeneratorOptions) -> None:
        self._options = options
        self._rng = rng = Random(options.seed)
        self._merchants = Merchants(rng, tuple(HOMES))
        self._holders = Holders(rng)
        self._spoiler = Spoiler(rng, BREAKABLE)
        self._planned: list[tuple[datetime, int, Purchase]] = []
        self._again: list[tuple[int, SimulatedRecord]] = []
        self._position = 0
        self._begun = 0
        self._spread = Spread()

    def records(self, count: int, now: datetime) -> list[SimulatedRecord]:
        """Return the next ``count`` records, spread evenly over the time since the last call."""
        return [self._record(at) for at in self._spread.instants(count, now)]

    def _record(self, at: datetime) -> SimulatedRecord:
        self._position += 1
        if self._again and self._again[0][0] <= self._position:
            return heappop(self._again)[1]
        record = self._fresh(at)
        if record.kind == VALID and self._rng.random() < self._options.repeat_rate:
            heappush(self._again, (self._position + 1 + int(self._rng.random() * REPEATED_AFTER), record))
        return record

    def _fresh(self, at: datetime) -> SimulatedRecord:
        if self._rng.random() < self._options.fraud_rate / MEAN_LENGTH:
            self._begin_fraud(at)
        if self._planned and self._planned[0][0] <= at:
            _, _, purchase = heappop(self._planned)
            return self._bought(at, purchase.holder, purchase.merchant, purchase.amount, purchase.pattern)
        holder = self._holders.next(at)
        if self._rng.random() < self._options.malformed_rate:
            return self._spoilt(at, holder)
        return self._bought(at, holder, self._shop(holder), holder.amount(self._rng), None)

    def _begin_fraud(self, at: datetime) -> None:
        pattern = self._rng.choice(PATTERNS)
        for purchase in pattern(self._rng, self._holders, self._merchants, at + timedelta(seconds=1)):
            self._begun += 1
            heappush(self._planned, (purchase.at, self._begun, purchase))

    def _shop(self, holder: Holder) -> Merchant:
        rng = self._rng
        if rng.random() >= ONLINE_SHARE:
            return self._merchants.any(holder.home, online=False)
        abroad = rng.random() < FOREIGN_SHARE
        return self._merchants.any(rng.choice(tuple(HOMES)) if abroad else holder.home, online=True)

    def _bought(
        self, at: datetime, holder: Holder, shop: Merchant, amount: int, pattern: str | None
    ) -> SimulatedRecord:
        holder.purchases += 1
        body = self._body(at, holder, shop, amount)
        return SimulatedRecord(
            encode(body).encode(), holder.terminal, VALID, pattern is not None, pattern, body["tx_id"]
        )

    def _spoilt(self, at: datetime, holder: Holder) -> SimulatedRecord:
        body = self._body(at, holder, self._shop(holder), holder.amount(self._rng))
        kind, data = self._spoiler.spoil(body, self._position)
        return SimulatedRecord(data, holder.terminal, kind, alertable=False, scenario=None, event_id=None)

    def _body(self, at: datetime, holder: Holder, shop: Merchant, amount: int) -> dict[str, Any]:
        # Who pays online does so with a device of their own; a shop has a few terminals.
        terminal = holder.terminal if shop.online else f"{hash_of(shop.merchant_id) + int(self._rng.random() * 4):08x}"
        return {
            "tx_id": f"tx-{self._rng.getrandbits(96):024x}",
            "card_number": holder.card_number,
            "amount": amount,
            "currency": holder.currency,
            "merchant_id": shop.merchant_id,
            "merchant": shop.name,
            "category": shop.category,
            "country": shop.country,
            "device": f"{shop.kind}-{terminal}",
            "created_at": zulu(at),
        }


def hash_of(merchant_id: str) -> int:
    """Return a number of seven hexadecimal digits that is the merchant's, in every process."""
    return int.from_bytes(merchant_id.encode()[-7:], "big") % 0xFFFFFF0


SIMULATION = StreamSimulation(generator=TransactionGenerator)
