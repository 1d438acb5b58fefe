"""Each fraud rule finds what it is for, and leaves alone what is next to it."""

from dataclasses import dataclass, field

import pytest

from include.errors import ConfigurationError
from include.streams.transactions import TITLES, rules
from include.streams.transactions.countries import least_distance_km
from include.streams.transactions.settings import FraudSettings, fraud_settings
from include.streams.transactions.transaction import SECOND, Transaction

SETTINGS = FraudSettings()
NOON = 1_772_366_400 * SECOND  # 2026-03-01T12:00:00Z
DAY = 86_400
USUAL = 5_000


@dataclass
class Card:
    """A card whose transactions are put down one after the other."""

    history: list[Transaction] = field(default_factory=list)

    def buys(self, at_s: float, amount: int = USUAL, **changes: str) -> Transaction:
        fields = {"currency": "EUR", "merchant": f"M-{len(self.history)}", "country": "DE", "device": "pos-1"} | changes
        one = Transaction(NOON + int(at_s * SECOND), f"tx-{len(self.history)}", "card", amount, **fields)
        self.history.append(one)
        return one


def card_with_a_habit() -> Card:
    """Return a card that was used at home once an hour, ten times, in the daytime of the day before."""
    card = Card()
    for hour in range(10):
        card.buys(-DAY - 3_600 * (5 - hour), USUAL + 100 * (hour % 3))
    return card


def found(rule: rules.Rule, card: Card) -> list[str] | None:
    """Return the ids of what a rule finds in a card's newest transaction, the members first, or None."""
    *history, judged = card.history
    finding = rule(judged, history, SETTINGS)
    return None if finding is None else [*(one.tx_id for one in finding.members), judged.tx_id]


def test_six_within_a_minute_are_too_many_and_five_are_not() -> None:
    """And all six are found, because all six were made by whoever made the last."""
    card = Card()
    for second in (0, 10, 20, 30, 40):
        card.buys(second)
    assert found(rules.velocity, card) is None
    card.buys(60)
    assert found(rules.velocity, card) == [f"tx-{number}" for number in range(6)]
    card.buys(200)
    assert found(rules.velocity, card) is None


def test_ten_times_the_usual_amount_is_suspicious_once_the_card_has_a_habit() -> None:
    """Nine times is not, nor is anything on a new card, nor in a currency that the card has no habit in."""
    card = card_with_a_habit()
    card.buys(0, 10 * USUAL + 1_000)
    assert found(rules.amount, card) == ["tx-10"]
    for unsuspicious in (card_with_a_habit(), card_with_a_habit(), Card()):
        changes = {"currency": "JPY"} if unsuspicious.history and unsuspicious.history[0].at % 2 else {}
        unsuspicious.buys(0, 9 * USUAL, **changes)
        assert found(rules.amount, unsuspicious) is None
    foreign = card_with_a_habit()
    foreign.buys(0, 100 * USUAL, currency="JPY")
    assert found(rules.amount, foreign) is None


def test_what_the_card_has_paid_before_is_not_suspicious() -> None:
    """Who once bought a car may buy a caravan."""
    card = card_with_a_habit()
    card.buys(-7_200, 40 * USUAL)
    card.buys(0, 60 * USUAL)
    assert found(rules.amount, card) is None


def test_a_card_cannot_be_in_two_countries_at_once() -> None:
    """In Japan an hour after Germany; online it may be anywhere, and so may it after a flight."""
    card = card_with_a_habit()
    card.buys(-3_600)
    card.buys(0, country="JP")
    assert found(rules.impossible_travel, card) == ["tx-11"]
    for at_s, changes in ((0, {"country": "JP", "device": "web-1"}), (15 * 3_600, {"country": "JP"})):
        innocent = card_with_a_habit()
        innocent.buys(-3_600)
        innocent.buys(at_s, **changes)
        assert found(rules.impossible_travel, innocent) is None


def test_whoever_is_at_home_is_not_suspected_for_what_a_copy_does_elsewhere() -> None:
    """The purchase at home comes minutes after the one in Japan."""
    card = card_with_a_habit()
    card.buys(-600, country="JP")
    card.buys(0)
    assert found(rules.impossible_travel, card) is None


def test_borders_that_touch_are_no_distance() -> None:
    """A mistake of the table's goes in favour of the card."""
    assert least_distance_km("DE", "FR") == 0
    assert least_distance_km("DE", "XX") == 0
    assert 6_000 < least_distance_km("DE", "JP") < 9_500
    assert least_distance_km("JP", "DE") == least_distance_km("DE", "JP")


def test_a_burst_at_night_is_suspicious_where_the_card_sleeps_at_night() -> None:
    """Four within half an hour, at two in the morning in Germany; at two in the afternoon it is shopping."""
    for begin_s, suspicious in ((13.5 * 3_600, True), (2 * 3_600, False)):
        card = card_with_a_habit()
        for number in range(4):
            card.buys(begin_s + 300 * number, device="web-1")
        assert (found(rules.night_burst, card) is not None) is suspicious


def test_a_night_owl_may_shop_at_night() -> None:
    """Its history is of the night."""
    card = Card()
    for number in range(10):
        card.buys(-10.5 * 3_600 - 600 * number)
    card.history.sort()
    for number in range(4):
        card.buys(13.5 * 3_600 + 300 * number)
    assert found(rules.night_burst, card) is None


def test_a_large_amount_soon_after_a_test_is_suspicious_and_so_is_the_test() -> None:
    """An hour later it is not, nor without a test."""
    card = card_with_a_habit()
    card.buys(0, USUAL // 50, device="web-1")
    card.buys(300, 7 * USUAL, device="web-1")
    assert found(rules.test_then_big, card) == ["tx-10", "tx-11"]
    later = card_with_a_habit()
    later.buys(0, USUAL // 50, device="web-1")
    later.buys(3_600, 7 * USUAL, device="web-1")
    assert found(rules.test_then_big, later) is None
    untested = card_with_a_habit()
    untested.buys(0, USUAL, device="web-1")
    untested.buys(300, 7 * USUAL, device="web-1")
    assert found(rules.test_then_big, untested) is None


def test_one_amount_at_four_merchants_is_a_ring_and_at_one_merchant_a_subscription() -> None:
    """All four are found."""
    card = Card()
    for number in range(4):
        card.buys(60 * number, 999, device="web-1")
    assert found(rules.merchant_ring, card) == [f"tx-{number}" for number in range(4)]
    same = Card()
    for number in range(8):
        same.buys(60 * number, 999, device="web-1", merchant="M-1")
    assert found(rules.merchant_ring, same) is None


def test_every_rule_has_a_title_for_people() -> None:
    """A rule that is added is told in words as well."""
    assert set(rules.NAMES) == set(TITLES)


def test_parameters_come_from_the_environment() -> None:
    """A wrong one is named."""
    assert fraud_settings({"CALI_FRAUD_VELOCITY_COUNT": "9"}).velocity_count == 9
    with pytest.raises(ConfigurationError, match="CALI_FRAUD_AMOUNT_FACTOR"):
        fraud_settings({"CALI_FRAUD_AMOUNT_FACTOR": "0"})
