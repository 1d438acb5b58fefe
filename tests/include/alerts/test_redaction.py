"""Claims about what is hidden, what is left, and at what cost."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from faker import Faker
from hypothesis import example, given
from hypothesis import strategies as st

from include import streams
from include.alerts.masking import shape, template
from include.alerts.redaction import RULES, STAND_IN, redact, redact_field, redact_head, stand_in
from include.simulator.record import GeneratorOptions
from include.simulator.registry import simulation
from tests.planted import Planter, in_trace

PLANTED = Planter(1).plant(20 * len(Planter(1).kinds))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("card 4111 1111 1111 1234 declined", "card 4111 1111 1111 1234 declined"),
        ("card 4111-1111-1111-1111, 12/29", "card [card ****1111], 12/29"),
        ("to DE89 3704 0044 0532 0130 00 EUR", "to [IBAN ****3000] EUR"),
        ("of 078-05-1120", "of [SSN ****1120]"),
        ("call +49 30 12345678 now", "call [phone ****5678] now"),
        ("mail to bob.b@example.com bounced", "mail to ****@example.com bounced"),
        ("postgres://app:p@ss@db:5432/x", "postgres://app:****@db:5432/x"),
        ("redis://:hunter2@cache", "redis://:****@cache"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ****"),
        ('Authorization: Digest username="b", response="6"', "Authorization: ****"),
        ("Cookie: a=b; c=d", "Cookie: ****"),
        ("password=hunter2, user=app", "password=****, user=app"),
        ('{"dbPassword": "two words"}', '{"dbPassword": "****"}'),
        ('log "{\\"password\\":\\"hunter2\\"}"', 'log "{\\"password\\":\\"****\\"}"'),
        ("DB_PASSWORD: swordfish", "DB_PASSWORD: ****"),
        ("mysql --password swordfish -h db", "mysql --password **** -h db"),
        ("x%26password%3Dhunter2 y", "x%26password%3D**** y"),
        ("JSESSIONID=0A1B; sid: 7f33", "JSESSIONID=****; sid: ****"),
        ("AccountKey=abc+/==;Suffix=x", "AccountKey=****;Suffix=x"),
        ("key AKIAIOSFODNN7EXAMPLE", "key [AWS access key ****MPLE]"),
        ("Customer(name=Jane van der Berg, id=5)", "Customer(name=****, id=5)"),
        ("cardholder: Jane Doe has no limit", "cardholder: **** has no limit"),
        ('"phone": "(0)30 1"', '"phone": "****"'),
    ],
)
def test_a_secret_goes_and_its_kind_stays(text: str, expected: str) -> None:
    """A reader sees what was there, and the text around it."""
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Token of customer C-1 verified in 3 ms",
        "Login failed: wrong password: attempt 3 of 5",
        "password: too short",
        "Invalid token: malformed",
        "auth token = null",
        "Basic authentication failed",
        "tokens_used=500 max_tokens: 4096 token_type=bearer",
        "compass=1 bypass=2 passed=12",
        "name=order-service hostname=db-1 filename: x.py",
        "key=order-7 map.key: 5",
        "transaction 4111111111111112 at 1709294400000",
        "arn:aws:iam::123456789012:role/x at 10.0.0.7:8080",
        "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "http://order.shop.svc.cluster.local:8080/users/7",
        "\tat com.acme.auth.TokenFilter.session(TokenFilter.java:88)",
        "phone is off, address unknown, name taken",
        "offset +00:00, 2026-03-01T12:00:00+01:00, -7.50",
        "\u0130 am \u1e9eo o\u212aay \u017fet",
        "",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """What only speaks of secrets, and numbers that are none, are left alone."""
    assert redact(text) == text


def test_the_simulators_texts_stay() -> None:
    """Of the shop's messages and traces nothing goes but the local parts of e-mail addresses."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    generator = simulation("logs").generator(GeneratorOptions(3, error_rate=0.4, warn_rate=0.3))
    records = [record for second in range(20) for record in generator.records(100, now + timedelta(seconds=second))]
    texts = [json.loads(record.data)["log_content"] for record in records]
    assert len({text for text in texts if redact(text) != text}) > 50
    for text in texts:
        lines = [line for line in text.split("\n") if "@" not in line]
        assert [redact(line) for line in lines] == lines


@pytest.mark.parametrize("kind", sorted({planted.kind for planted in PLANTED}))
def test_no_planted_secret_is_left(kind: str) -> None:
    """In a message, in a Java trace and in a Python one: not the secret, and nothing new at a second time."""
    for planted in (each for each in PLANTED if each.kind == kind):
        for text in (planted.text, in_trace(planted, java=True), in_trace(planted, java=False)):
            redacted = redact(text)
            assert [secret for secret in planted.secrets if secret in redacted] == []
            assert redact(redacted) == redacted
        assert "com.acme.pay.Gateway.call" in redact(in_trace(planted, java=True))


PIECES = st.sampled_from([planted.text for planted in PLANTED] + [rule.shown for rule in RULES] + list(' "\\=:;,\n@'))


@given(st.lists(PIECES | st.text(max_size=12), max_size=6).map("".join))
@example("name=A B name=C D")
def test_redacting_twice_is_redacting_once(text: str) -> None:
    """Whatever is written beside whatever: what was hidden is not found again."""
    once = redact(text)
    assert redact(once) == once


@given(st.text(st.characters(categories=["L", "Zs"]), max_size=200))
def test_words_alone_stay(text: str) -> None:
    """Without a digit or a sign there is no secret, in any script."""
    assert redact(text) == text


@given(st.integers(0, 10**18).filter(lambda number: "4111111111111111" not in str(number)))
def test_a_number_that_no_check_digit_proves_stays(number: int) -> None:
    """With one more digit it is a card for at most one of ten."""
    texts = [f"order {number}{digit} failed" for digit in range(10)]
    assert sum(redact(text) != text for text in texts) <= 1


def test_a_card_is_found_in_the_digits_of_any_script() -> None:
    """They are digits to whoever reads the message."""
    arabic = "4242424242424242".translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert arabic not in redact(f"card {arabic}")


def test_half_a_secret_at_a_cut_is_not_shown() -> None:
    """A text is cut behind redaction, and what is read ends so far behind that nothing half read gets in."""
    card = "4111 1111 1111 1111"
    for at in range(80, 101):
        assert card[:6] not in redact_head("x" * at + " " + card + " y" * 99_000, 100)
    assert redact_head("password=" + "z" * 99_999, 100) == "password=****"
    assert redact_head("abc", 2) == "ab"


def test_a_fields_name_tells_what_its_value_is() -> None:
    """A name is hidden in a column of names, and not in any other; an empty value is none."""
    assert [redact_field(field, "Jane") for field in ("customer_name", "password", "sessionId", "name")] == ["****"] * 4
    assert [redact_field(field, "Jane") for field in ("service", "event_id", "level")] == ["Jane"] * 3
    assert (redact_field("password", ""), redact_field("note", "of 078-05-1120")) == ("", "of [SSN ****1120]")


@pytest.mark.parametrize("kind", sorted({planted.kind for planted in PLANTED}))
def test_masking_takes_the_stand_in_for_an_id(kind: str) -> None:
    """Where a secret stood no letter of it is left in a message's shape."""
    for planted in (each for each in PLANTED if each.kind == kind):
        masked = shape(template(stand_in(planted.text.replace("\n", " "))))
        assert STAND_IN not in masked
        assert [secret for secret in planted.secrets if secret in masked] == []


HOSTILE = [
    "4", "4 ", "4444 ", "1-", "+1", "+1 (", "x", "a@", "a@a.", "A1 ", "DE89", "password=", 'password="', "token ",
    'token "', "key=", 'api_key="', 'name="', "name=A ", "://", "://a:", "-----BEGIN PRIVATE KEY-----", "eyJ", "AKIA",
    "Cookie: a=", "Bearer ", "basic aaaaaaaa", "Authorization: ", "ghp_", "SG.a", "aB3/", "secret", "xox", "\\", '"',
    "[", " ", "\n", "\u0130",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_hostile_text_costs_little(unit: str) -> None:
    """However a text of fifty thousand characters repeats itself, it does not take for ever."""
    started = time.process_time()
    redact(unit * (50_000 // len(unit)))
    assert time.process_time() - started < 30.0


def test_the_contract_of_logs_names_no_secret_field() -> None:
    """The columns that operators see are not hidden by their names alone."""
    shown = [redact_field(name, "plain") for name in streams.get("logs").schema.names]
    assert shown == ["plain"] * len(shown)


def test_a_redacted_name_may_be_of_any_language() -> None:
    """Names of many countries go from known fields."""
    for locale in ("ja_JP", "ru_RU", "pl_PL", "pt_BR", "tr_TR", "vi_VN", "en_IN"):
        fake = Faker(locale)
        fake.seed_instance(3)
        for _ in range(20):
            name = fake.name()
            assert redact(f'{{"full_name": "{name}", "n": 1}}') == '{"full_name": "****", "n": 1}'
