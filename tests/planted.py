"""Secrets of many kinds, as programs write them into messages and traces; seeded, and none of them anybody's."""

import base64
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from faker import Faker

WORDS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
LOWER = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Planted:
    """A text with a secret of a kind in it; ``secrets`` are what nobody may read."""

    kind: str
    text: str
    secrets: tuple[str, ...]


class Planter:
    """Makes planted texts; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._faker = Faker(["en_US", "en_GB", "de_DE", "fr_FR"])
        self._faker.seed_instance(seed)
        self._makers: Mapping[str, Callable[[], tuple[str, ...]]] = {
            name.removeprefix("_a_"): getattr(self, name) for name in sorted(dir(self)) if name.startswith("_a_")
        }

    @property
    def kinds(self) -> list[str]:
        """Every kind."""
        return list(self._makers)

    def plant(self, count: int) -> list[Planted]:
        """Return so many, the kinds in turn."""
        made = []
        for number in range(count):
            kind = self.kinds[number % len(self.kinds)]
            text, *secrets = self._makers[kind]()
            made.append(Planted(kind, text, tuple(secrets)))
        return made

    def _of(self, alphabet: str, length: int) -> str:
        return "".join(self._rng.choices(alphabet, k=length))

    def _pick(self, *texts: str) -> str:
        return self._rng.choice(texts)

    def _password(self) -> str:
        return self._pick(
            self._faker.password(length=14, special_chars=False),
            self._of(string.ascii_lowercase, 9),
            self._of(WORDS + "!#$%*+-_@^~", 16),
        )

    def _a_aws_access_key(self) -> tuple[str, ...]:
        key = self._pick("AKIA", "ASIA") + self._of(string.ascii_uppercase + string.digits, 16)
        return f"the key {key} is not authorised to perform s3:PutObject", key

    def _a_aws_secret(self) -> tuple[str, ...]:
        secret = "aB3" + self._of(WORDS, 37)
        return self._pick(f"aws_secret_access_key = {secret}", f"AWS credentials were rejected: {secret}"), secret

    def _a_github_token(self) -> tuple[str, ...]:
        token = self._pick("ghp_", "gho_", "ghs_") + self._of(WORDS, 36)
        return self._pick(f"clone with {token} failed", f"remote: https://x-access-token:{token}@github.com/a/b"), token

    def _a_slack_token(self) -> tuple[str, ...]:
        token = f"{self._pick('xoxb', 'xoxp')}-{self._of(string.digits, 12)}-{self._of(WORDS, 24)}"
        return f"slack answered not_authed to {token}", token

    def _a_slack_webhook(self) -> tuple[str, ...]:
        path = f"T{self._of(string.digits, 9)}/B{self._of(string.digits, 9)}/{self._of(WORDS, 24)}"
        return f"POST https://hooks.slack.com/services/{path} answered 404", path

    def _a_stripe_key(self) -> tuple[str, ...]:
        key = f"{self._pick('sk', 'rk')}_{self._pick('live', 'test')}_{self._of(WORDS, 24)}"
        return f"No such customer (request was made with {key})", key

    def _a_google_key(self) -> tuple[str, ...]:
        key = "AIza" + self._of(WORDS + "-_", 35)
        return f"GET https://maps.googleapis.com/api?key={key} answered 403", key

    def _a_service_token(self) -> tuple[str, ...]:
        token = self._pick("glpat-", "npm_", "sk-", "hvs.", "dop_v1_") + self._of(WORDS, 32)
        return f"registry refused {token}", token

    def _a_jwt(self) -> tuple[str, ...]:
        parts = [base64.urlsafe_b64encode(self._rng.randbytes(n)).decode().rstrip("=") for n in (30, 32)]
        header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
        token = f"{header}.eyJ{parts[0]}.{parts[1]}"
        return self._pick(f"cannot verify {token}", f'{{"id_token":"{token}"}}'), token, parts[0], parts[1]

    def _a_bearer_header(self) -> tuple[str, ...]:
        token = self._of(WORDS + "-._~", 32) + "7"
        return self._pick(f"Authorization: Bearer {token}", f"curl -H 'Authorization: bearer {token}'"), token

    def _a_basic_header(self) -> tuple[str, ...]:
        value = base64.b64encode(f"{self._faker.user_name()}:{self._password()}".encode()).decode()
        return self._pick(f"authorization=[Basic {value}]", f'"Proxy-Authorization": "Basic {value}"'), value

    def _a_password_in_a_url(self) -> tuple[str, ...]:
        password = self._of(WORDS + "!$*+-_~", 12)
        scheme = self._pick("postgresql", "amqp", "redis", "mongodb+srv", "https")
        return f"cannot connect to {scheme}://app:{password}@db.internal:5432/shop", password

    def _a_password(self) -> tuple[str, ...]:
        word = self._password()
        return self._pick(
            f"login failed, password={word} user=app",
            f'body {{"user":"app","password":"{word}","remember":true}}',
            f'payload "{{\\"db_password\\":\\"{word}\\"}}"',
            f"DB_PASSWORD: {word}",
            f"pg_dump --password {word} -h db",
            f"<password>{word}</password>",
        ), word

    def _a_api_key(self) -> tuple[str, ...]:
        key = self._of(LOWER, 32)
        return self._pick(f"api_key={key}&page=2", f"X-Api-Key: {key}", f"{{'apiKey': '{key}', 'q': 1}}"), key

    def _a_client_secret(self) -> tuple[str, ...]:
        secret = self._of(WORDS, 30)
        return self._pick(f"client_secret={secret}&grant_type=code", f'"clientSecret" : "{secret}"'), secret

    def _a_connection_string(self) -> tuple[str, ...]:
        key = base64.b64encode(self._rng.randbytes(33)).decode()
        return self._pick(
            f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={key};EndpointSuffix=core.windows.net",
            f"Server=tcp:db,1433;User Id=app;Pwd={key};Encrypt=true",
            f"jdbc:postgresql://db/shop?user=app&password={key}",
        ), key

    def _a_private_key(self) -> tuple[str, ...]:
        body = [self._of(WORDS + "+/", 64) for _ in range(4)]
        kind = self._pick("RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY")
        line_end = self._pick("\n", "\\n")
        lines = (f"-----BEGIN {kind}-----", *body, f"-----END {kind}-----")
        return f"cannot parse key {line_end.join(lines)}", *body

    def _a_cookie(self) -> tuple[str, ...]:
        value, other = self._of(HEX, 32), self._of(WORDS, 20)
        return (
            self._pick(f"Cookie: JSESSIONID={value}; remember={other}", f"set-cookie: sid={value}; Path=/; v={other}"),
            value,
            other,
        )

    def _a_session_id(self) -> tuple[str, ...]:
        value = self._of(HEX, 26)
        return self._pick(
            f"session_id={value} expired", f"GET /cart;jsessionid={value} failed", f"PHPSESSID={value}"
        ), value

    def _a_one_time_code(self) -> tuple[str, ...]:
        code = self._of(string.digits, 6)
        return self._pick(f"otp={code} used twice", f'{{"cvv": "{code}"}}'), code

    def _a_card(self) -> tuple[str, ...]:
        number = self._faker.credit_card_number(self._pick("visa16", "mastercard", "amex", "discover", "visa13"))
        grouped = " ".join(number[n : n + 4] for n in range(0, len(number), 4))
        shown = self._pick(number, grouped, grouped.replace(" ", "-"))
        return self._pick(f"card {shown} declined", f"card_number={shown}, expires 12/29"), shown, number

    def _a_iban(self) -> tuple[str, ...]:
        number = self._pick(self._faker["de_DE"].iban(), self._faker["fr_FR"].iban(), self._faker["en_GB"].iban())
        grouped = " ".join(number[n : n + 4] for n in range(0, len(number), 4))
        shown = self._pick(number, grouped)
        return f"transfer to {shown} bounced", shown, number

    def _a_ssn(self) -> tuple[str, ...]:
        number = self._faker["en_US"].ssn()
        return f"applicant {number} has no credit history", number

    def _a_phone(self) -> tuple[str, ...]:
        digits = self._of("23456789", 10)
        number = self._pick(
            f"+1 {digits[:3]} {digits[3:6]} {digits[6:]}",
            f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
            f"{digits[:3]}-{digits[3:6]}-{digits[6:]}",
            f"+49 30 {digits[:8]}",
        )
        return f"SMS to {number} was not delivered", number

    def _a_email(self) -> tuple[str, ...]:
        address = self._faker.unique.email()
        return (
            self._pick(f"mail to {address} bounced", f"user={address.replace('@', '%40')}&x=1"),
            address.partition("@")[0] + "@",
            address.partition("@")[0] + "%40",
        )

    def _a_person(self) -> tuple[str, ...]:
        name = self._faker.name()
        first, last = self._faker.first_name(), self._faker.last_name()
        return (
            self._pick(
                f'{{"customer_name": "{name}", "basket": 3}}',
                f'{{"name": "{first} {last}", "basket": 3}}',
                f"Customer(id=7, fullName={name}, basket=3)",
                f"cardholder='{name}' amount=12",
            ),
            name,
            f"{first} {last}",
        )

    def _a_street(self) -> tuple[str, ...]:
        street = self._faker.street_address().replace("\n", " ")
        return f'{{"shipping_address": "{street}", "basket": 3}}', street

    def _a_birthday(self) -> tuple[str, ...]:
        day = self._faker.date_of_birth().isoformat()
        return f"date_of_birth={day} is in the future", day


def in_trace(planted: Planted, *, java: bool, number: int = 0) -> str:
    """Return a stack trace that quotes the text as an exceptions' message; each number is another problem's."""
    if java:
        return (
            f"com.acme.shop.CheckoutException: {planted.text}\n"
            f"\tat com.acme.shop.Checkout{number}.pay(Checkout.java:88)\n"
            f"Caused by: java.io.IOException: {planted.text}\n"
            "\tat com.acme.pay.Gateway.call(Gateway.java:12)\n\t... 31 more"
        )
    return (
        "Traceback (most recent call last):\n"
        f'  File "/srv/app/shop/cart.py", line 12, in add_{number}\n'
        f"    raise CartError({planted.text!r})\n"
        f"shop.errors.CartError: {planted.text}"
    )
