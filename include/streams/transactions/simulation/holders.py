"""Card holders and their habits: where they live, what they spend, how often, and when they sleep.

Holders are made as they are needed: at any rate of records a card rests for minutes between two purchases, and only
a few dozen, that pay in buses and canteens, are back within half a minute.
"""

from datetime import datetime, timedelta
from heapq import heappush, heapreplace
from random import Random
from typing import NamedTuple

from include.luhn import check_digit
from include.streams.transactions.countries import COUNTRIES

TEST_RANGES = ("411111", "424242", "555555", "510510", "222300", "378282", "601111")
"""Beginnings of card numbers that networks publish for tests; no bank gives them out."""
AMEX = "378282"
HOMES: dict[str, tuple[str, float]] = {
    "AU": ("AUD", 160),
    "BR": ("BRL", 500),
    "CA": ("CAD", 140),
    "CH": ("CHF", 100),
    "DE": ("EUR", 100),
    "ES": ("EUR", 90),
    "FR": ("EUR", 100),
    "GB": ("GBP", 85),
    "IN": ("INR", 6_000),
    "IT": ("EUR", 95),
    "JP": ("JPY", 150),
    "KW": ("KWD", 310),
    "PL": ("PLN", 400),
    "SE": ("SEK", 1_100),
    "SG": ("SGD", 140),
    "US": ("USD", 110),
    "ZA": ("ZAR", 1_500),
}
"""Where holders live: the currency, and how many of its minor units buy what a euro buys."""
REGULARS = 60
MOST_HOLDERS = 250_000
WAKES, SLEEPS = 6.0, 23.5
DEEP_SLEEP = (1.0, 3.0)
"""By the sun where they live, in hours."""
SLEEPLESS_SHARE = 0.02


class Place(NamedTuple):
    """A place in the queue of those who will buy something: when, and who."""

    at: datetime
    number: int


class Holder:
    """One card and its holder's habit; ``purchases`` counts what was bought with it."""

    __slots__ = ("card_number", "currency", "home", "median", "purchases", "regular", "terminal")

    def __init__(self, rng: Random, home: str, *, regular: bool) -> None:
        self.card_number = card_number(rng)
        self.home = home
        self.currency, unit = HOMES[home]
        self.regular = regular
        self.median = unit * (rng.uniform(2, 6) if regular else rng.uniform(8, 60))
        self.terminal = f"{rng.getrandbits(32):08x}"
        self.purchases = 0

    def amount(self, rng: Random) -> int:
        """Return what a purchase as usual costs, in minor units."""
        return max(1, round(rng.lognormvariate(0, 0.5) * self.median))


class Holders:
    """Everybody who has a card, in the order in which they buy."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._homes = tuple(HOMES)
        self._holders: list[Holder] = []
        self._queue: list[Place] = []

    def next(self, at: datetime) -> Holder:
        """Return who buys something at that time: whoever has rested for long enough, or somebody new."""
        while self._queue and (self._queue[0].at <= at or len(self._holders) >= MOST_HOLDERS):
            number = self._queue[0].number
            holder = self._holders[number]
            if at < (morning := self._up(holder, at)):
                heapreplace(self._queue, Place(morning, number))
                continue
            heapreplace(self._queue, Place(at + self._rest(holder), number))
            return holder
        return self._new(at)

    def victim(self, least_purchases: int, at: datetime, *, asleep: bool = False) -> Holder | None:
        """Return somebody with a habit, if there is one; ``asleep``: in the middle of the night where they live."""
        for _ in range(200):
            if not self._holders:
                return None
            holder = self._rng.choice(self._holders)
            deep = DEEP_SLEEP[0] <= local_hour(holder.home, at) < DEEP_SLEEP[1]
            if holder.purchases >= least_purchases and (deep or not asleep):
                return holder
        return None

    def _new(self, at: datetime) -> Holder:
        home = self._rng.choice(self._homes)
        while not WAKES + 1 <= local_hour(home, at) < SLEEPS - 1:
            home = self._rng.choice(self._homes)
        holder = Holder(self._rng, home, regular=len(self._holders) < REGULARS)
        self._holders.append(holder)
        heappush(self._queue, Place(at + self._rest(holder), len(self._holders) - 1))
        return holder

    def _rest(self, holder: Holder) -> timedelta:
        if holder.regular:
            return timedelta(seconds=self._rng.uniform(18, 35))
        return timedelta(seconds=120 + self._rng.expovariate(1 / 600))

    def _up(self, holder: Holder, at: datetime) -> datetime:
        """Return when a holder is up: now, or some time in the morning."""
        hour = local_hour(holder.home, at)
        if WAKES <= hour < SLEEPS or self._rng.random() < SLEEPLESS_SHARE:
            return at
        return at + timedelta(hours=(WAKES - hour) % 24 + self._rng.uniform(0, 3))


def card_number(rng: Random) -> str:
    """Return a sound card number of a range for tests."""
    start = rng.choice(TEST_RANGES)
    digits = 8 if start == AMEX else 9
    number = f"{start}{rng.randrange(10**digits):0{digits}d}"
    return f"{number}{check_digit(number)}"


def local_hour(country: str, at: datetime) -> float:
    """Return the hour of the day by the sun in the country's middle, from 0 up to 24."""
    return (at.hour + at.minute / 60 + COUNTRIES[country].hours_ahead) % 24
