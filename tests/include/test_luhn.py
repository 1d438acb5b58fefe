"""The check digit of card numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.luhn import check_digit, is_sound


@pytest.mark.parametrize(
    "number", ["4242424242424242", "5555555555554444", "378282246310005", "6011111111111117", "4222222222222"]
)
def test_published_test_numbers_are_sound(number: str) -> None:
    """They are what networks give to those who write software."""
    assert is_sound(number)
    assert check_digit(number[:-1]) == int(number[-1])


@given(st.text("0123456789", min_size=1, max_size=30), st.data())
def test_any_other_digit_in_one_place_is_found(number: str, data: st.DataObject) -> None:
    """That is what the digit is there for."""
    sound = f"{number}{check_digit(number)}"
    place = data.draw(st.integers(0, len(sound) - 1))
    other = data.draw(st.sampled_from(sorted(set("0123456789") - {sound[place]})))
    assert is_sound(sound)
    assert not is_sound(sound[:place] + other + sound[place + 1 :])
