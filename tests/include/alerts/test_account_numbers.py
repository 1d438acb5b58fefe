"""Claims about numbers that prove themselves."""

import pytest
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st

from include.alerts.account_numbers import card_length, iban_length

FAKER = Faker(["en_GB", "de_DE", "fr_FR", "nl_NL", "es_ES"])
CARDS = ("visa13", "visa16", "visa19", "mastercard", "amex", "discover", "diners", "jcb15", "jcb16", "maestro")


@pytest.mark.parametrize("kind", CARDS)
def test_every_schemes_numbers_are_known(kind: str) -> None:
    """A number of each scheme is found whole, in one piece or in groups, and not without its check digit."""
    FAKER.seed_instance(7)
    for _ in range(50):
        number = FAKER.credit_card_number(kind)
        grouped = " ".join(number[place : place + 4] for place in range(0, len(number), 4))
        assert [card_length(text) for text in (number, grouped, f"{grouped} 12/29")] == [
            len(number), len(grouped), len(grouped)
        ]  # fmt: skip
        wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
        assert card_length(wrong) == 0


@given(st.integers(10**11, 10**19 - 1))
def test_of_ten_numbers_with_one_head_one_is_a_card(number: int) -> None:
    """Whatever the head, at most one last digit fits it."""
    head = str(number)[:-1]
    assert sum(card_length(f"{head}{digit}") > 0 for digit in range(10)) <= 1


@pytest.mark.parametrize("locale", ["en_GB", "de_DE", "fr_FR", "nl_NL", "es_ES"])
def test_every_countrys_accounts_are_known(locale: str) -> None:
    """An IBAN is found whole, in one piece or in groups, whatever follows, and not with another check digit."""
    FAKER.seed_instance(7)
    for _ in range(50):
        number = FAKER[locale].iban()
        grouped = " ".join(number[place : place + 4] for place in range(0, len(number), 4))
        assert [iban_length(text) for text in (number, grouped, f"{grouped} EUR 5")] == [
            len(number), len(grouped), len(grouped)
        ]  # fmt: skip
        assert iban_length(number[:2] + f"{(int(number[2:4]) + 1) % 100:02}" + number[4:]) == 0


@pytest.mark.parametrize("text", ["", "4", "XX00 1111 1111 1111", "DE8937040044053201300", "1709294400000", "4" * 40])
def test_other_texts_are_no_account(text: str) -> None:
    """A time stamp, an unknown country, a piece of a number: none."""
    assert (card_length(text), iban_length(text)) == (0, 0)
