"""Numbers that prove themselves: cards by Luhn's check digit (ISO/IEC 7812), bank accounts by their own (ISO 13616)."""

import re

from include.luhn import is_sound

# First digits and lengths of the schemes' numbers; without them one number of ten would be a card by chance.
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800)\d{11}"
    r"|35\d{14}|(?:6011|62\d\d|64[4-9]\d|65\d\d)\d{12,15}|(?:50[13]8|5020|5[678]\d\d|6304|6390|0604|67[56]\d)\d{8,15}"
)
_SHORTEST = 12
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24, "DE": 22,
    "DK": 18, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GR": 27, "HR": 21,
    "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MT": 31, "NL": 18, "NO": 15, "PK": 24, "PL": 28,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26,
    "UA": 29, "XK": 20,
}  # fmt: skip


def card_length(text: str) -> int:
    """Return how many characters of ``text``, digits in groups, are a card's number; 0 when it does not begin with one.

    What follows a card's number in its own group, such as a date, is not counted.
    """
    places = [place for place, character in enumerate(text, 1) if character.isalnum()]
    # A number may be written in any script's digits.
    digits = "".join(str(int(digit)) if digit.isdecimal() else digit for digit in _characters(text))
    for count in range(len(digits), _SHORTEST - 1, -1):
        end = places[count - 1]
        if _ISSUED.fullmatch(digits[:count]) and not text[end : end + 1].isalnum() and is_sound(digits[:count]):
            return end
    return 0


def iban_length(text: str) -> int:
    """Return how many characters of ``text`` are an IBAN, spaces included; 0 when it does not begin with one."""
    wanted = _IBAN_LENGTHS.get(text[:2], 0)
    seen = 0
    for place, character in enumerate(text, 1):
        seen += character.isalnum()
        if wanted and seen == wanted:
            whole = not text[place : place + 1].isalnum()
            return place if whole and _is_iban(_characters(text[:place])) else 0
    return 0


def _characters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _is_iban(characters: str) -> bool:
    """Say whether the number with its head put behind, letters as 10 to 35, leaves 1 when divided by 97."""
    turned = characters[4:] + characters[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
