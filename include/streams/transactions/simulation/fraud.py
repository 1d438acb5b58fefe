"""Six ways in which cards are abused; each is a course of purchases with somebody else's card.

The figures are those of the trade's descriptions of each pattern, not of any rule that looks for it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from include.streams.transactions.countries import least_distance_km
from include.streams.transactions.simulation.holders import HOMES, Holder, Holders
from include.streams.transactions.simulation.merchants import Merchant, Merchants

KNOWN_FOR = 10
"""How many purchases a card has behind it before it is abused: who steals numbers looks for cards that are in use."""
FAR_KM = 3_000


class Purchase(NamedTuple):
    """One purchase to come: when, whose card, where, for how many minor units, and in the course of which pattern."""

    at: datetime
    holder: Holder
    merchant: Merchant
    amount: int
    pattern: str


Pattern = Callable[[Random, Holders, Merchants, datetime], list[Purchase]]


def velocity(rng: Random, holders: Holders, merchants: Merchants, at: datetime) -> list[Purchase]:
    """A bot drains a card: nine to sixteen purchases within a minute."""
    holder = holders.victim(0, at)
    if holder is None:
        return []
    moments = sorted(rng.uniform(0, 50) for _ in range(rng.randint(9, 16)))
    return [
        Purchase(
            at + timedelta(seconds=second),
            holder,
            merchants.any(holder.home, online=True),
            holder.amount(rng),
            "velocity",
        )
        for second in moments
    ]


def amount(rng: Random, holders: Holders, merchants: Merchants, at: datetime) -> list[Purchase]:
    """One purchase of twenty to eighty times what the holder usually spends."""
    holder = holders.victim(KNOWN_FOR, at)
    if holder is None:
        return []
    shop = merchants.any(holder.home, online=bool(rng.getrandbits(1)))
    return [Purchase(at, holder, shop, round(holder.median * rng.uniform(20, 80)), "amount")]


def impossible_travel(rng: Random, holders: Holders, merchants: Merchants, at: datetime) -> list[Purchase]:
    """A copy of the card is used in a far country while the holder shops at home."""
    holder = holders.victim(KNOWN_FOR, at)
    if holder is None:
        return []
    far = [code for code in HOMES if least_distance_km(holder.home, code) > FAR_KM]
    if not far:
        return []
    shop = rng.choice(far)
    return [
        Purchase(
            at + timedelta(seconds=200 * number + rng.uniform(0, 60)),
            holder,
            merchants.any(shop, online=False),
            holder.amount(rng),
            "impossible_travel",
        )
        for number in range(rng.randint(1, 3))
    ]


def night_burst(rng: Random, holders: Holders, merchants: Merchants, at: datetime) -> list[Purchase]:
    """Five to nine purchases, a few minutes apart, while the holder sleeps."""
    holder = holders.victim(KNOWN_FOR, at, asleep=True)
    if holder is None:
        return []
    course, moment = [], at
    for _ in range(rng.randint(5, 9)):
        shop = merchants.any(holder.home, online=True)
        course.append(Purchase(moment, holder, shop, holder.amount(rng), "night_burst"))
        moment += timedelta(seconds=rng.uniform(70, 240))
    return course


def test_then_big(rng: Random, holders: Holders, merchants: Merchants, at: datetime) -> list[Purchase]:
    """A purchase of next to nothing, to see whether the card works, and minutes later a large one."""
    holder = holders.victim(KNOWN_FOR, at)
    if holder is None:
        return []
    small = max(1, round(holder.median * rng.uniform(0.005, 0.04)))
    later = at + timedelta(seconds=rng.uniform(60, 480))
    return [
        Purchase(at, holder, merchants.any(holder.home, online=True), small, "test_then_big"),
        Purchase(
            later,
            holder,
            merchants.any(holder.home, online=True),
            round(holder.median * rng.uniform(7, 16)),
            "test_then_big",
        ),
    ]


def merchant_ring(rng: Random, holders: Holders, merchants: Merchants, at: datetime) -> list[Purchase]:
    """Shops that belong together charge a card the same amount each, one after the other."""
    holder = holders.victim(0, at)
    if holder is None:
        return []
    price = holder.amount(rng)
    country = rng.choice(tuple(HOMES))
    course, moment = [], at
    for shop in merchants.several(country, rng.randint(5, 8)):
        course.append(Purchase(moment, holder, shop, price, "merchant_ring"))
        moment += timedelta(seconds=rng.uniform(30, 180))
    return course


PATTERNS: tuple[Pattern, ...] = (velocity, amount, impossible_travel, night_burst, test_then_big, merchant_ring)
"""Each begins as often as the others, as far as there is somebody whose card can be abused like that."""
MEAN_LENGTH = 5.6
"""How many purchases a course has on an average."""
