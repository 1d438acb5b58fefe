"""The fraud rules: each a pure function of a transaction, its card's recent history and the settings.

A rule looks at nothing but what a card issuer has: times, amounts, merchants, countries and devices. A course of
transactions is found when enough of it has been seen, and then all of it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from statistics import median

from include.streams.transactions.countries import COUNTRIES, least_distance_km
from include.streams.transactions.settings import FraudSettings
from include.streams.transactions.transaction import SECOND, Finding, History, Transaction

HOUR = 3_600 * SECOND

Rule = Callable[[Transaction, History, FraudSettings], Finding | None]


def velocity(judged: Transaction, history: History, settings: FraudSettings) -> Finding | None:
    """More transactions within a minute than somebody makes by hand."""
    needed = settings.velocity_count - 1
    since = judged.at - settings.velocity_s * SECOND
    if len(history) < needed or history[-needed].at < since:
        return None
    members = _since(since, history)
    return Finding("velocity", f"{len(members) + 1} transactions within {settings.velocity_s} s", members)


def merchant_ring(judged: Transaction, history: History, settings: FraudSettings) -> Finding | None:
    """The same amount at several merchants, one after the other, without the card being there."""
    if not judged.online:
        return None
    members = tuple(
        one
        for one in _since(judged.at - settings.ring_span_s * SECOND, history)
        if one.amount == judged.amount and one.currency == judged.currency and one.online
    )
    merchants = {judged.merchant, *(one.merchant for one in members)}
    if len(merchants) < settings.ring_merchants:
        return None
    return Finding("merchant_ring", f"the same amount at {len(merchants)} merchants", members)


def test_then_big(judged: Transaction, history: History, settings: FraudSettings) -> Finding | None:
    """Next to nothing, to see whether the card works, and soon afterwards a large amount."""
    recent = [one for one in _since(judged.at - settings.test_span_s * SECOND, history) if one.online]
    if not recent or not judged.online:
        return None
    usual = _usual(judged, history, settings)
    if usual is None or judged.amount < settings.test_factor * usual:
        return None
    tests = tuple(
        one for one in recent if one.currency == judged.currency and one.amount <= settings.test_share * usual
    )
    if not tests:
        return None
    return Finding("test_then_big", f"{judged.amount / tests[-1].amount:.0f} times a test shortly before", tests)


def impossible_travel(judged: Transaction, history: History, settings: FraudSettings) -> Finding | None:
    """The card itself, in a country that it cannot have reached, and where it is not at home."""
    if judged.online:
        return None
    present = [one for one in history if not one.online]
    home = _most_common(one.country for one in present)
    if len(present) < settings.habit_rows or judged.country == home:
        return None
    for one in reversed(present):
        hours = (judged.at - one.at) / HOUR
        distance = least_distance_km(one.country, judged.country)
        if distance > settings.travel_kmh * hours:
            return Finding("impossible_travel", f"{distance:,.0f} km from {one.country} within {60 * hours:.0f} min")
    return None


def amount(judged: Transaction, history: History, settings: FraudSettings) -> Finding | None:
    """Many times what is usual for the card, and more than anything it has paid."""
    usual = _usual(judged, history, settings)
    if usual is None or judged.amount < settings.amount_factor * usual:
        return None
    most = max(one.amount for one in history if one.currency == judged.currency)
    if judged.amount < settings.amount_peak_factor * most:
        return None
    return Finding("amount", f"{judged.amount / usual:.0f} times the card's usual amount")


def night_burst(judged: Transaction, history: History, settings: FraudSettings) -> Finding | None:
    """Several transactions while the card's holder sleeps, who is no night owl."""
    since = judged.at - settings.night_span_s * SECOND
    if len(history) < settings.night_count or history[1 - settings.night_count].at < since:
        return None
    before = [one for one in history if one.at < since]
    home = _most_common(one.country for one in before)
    if len(before) < settings.habit_rows or not _asleep(judged, home, settings):
        return None
    if sum(_asleep(one, home, settings) for one in before) > settings.night_share * len(before):
        return None
    members = tuple(one for one in _since(since, history) if _asleep(one, home, settings))
    if len(members) < settings.night_count - 1:
        return None
    return Finding("night_burst", f"{len(members) + 1} transactions at night", members)


RULES: tuple[Rule, ...] = (velocity, merchant_ring, test_then_big, impossible_travel, amount, night_burst)
"""The most telling first: a transaction that several find is told of by the first of them."""
NAMES = tuple(rule.__name__ for rule in RULES)


def _since(at: int, history: History) -> tuple[Transaction, ...]:
    """Return the end of the history from an instant on."""
    begin = len(history)
    while begin and history[begin - 1].at >= at:
        begin -= 1
    return tuple(history[begin:])


def _usual(judged: Transaction, history: History, settings: FraudSettings) -> float | None:
    """Return the median of what the card paid in that currency, or None where it has no habit in it."""
    amounts = [one.amount for one in history if one.currency == judged.currency]
    return median(amounts) if len(amounts) >= settings.habit_rows else None


def _most_common(countries: Iterable[str]) -> str:
    """Return the country that is there most often, of several the first in the alphabet; empty of none."""
    counts = Counter(countries)
    return min(counts, key=lambda country: (-counts[country], country), default="")


def _asleep(one: Transaction, home: str, settings: FraudSettings) -> bool:
    """Return whether it is night where the card is at home; nowhere that is not known."""
    if home not in COUNTRIES:
        return False
    hour = (one.at / HOUR + COUNTRIES[home].hours_ahead) % 24
    return settings.night_from <= hour < settings.night_to
