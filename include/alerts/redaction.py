"""Takes secrets and personal data out of texts before anybody can read them: one table of rules, applied in its order.

A rule's pattern names what must go ``secret`` and leaves what is around it, so that a reader still sees what was there:
``password=****``, ``[card ****1111]``. What one rule has hidden no rule finds again. Raw records keep every byte.

Linear time: a pattern is tried where one of a few fixed texts stands or a digit begins, and each of its repetitions is
bounded or possessive.
"""

import re
from functools import lru_cache

from include.alerts import secret_values
from include.alerts.replacing import STARS, rule, without

STAND_IN = "hidden_0"
"""What a group's identity has in a secret's place: a word that ``masking`` takes for an id wherever it stands."""

LONGEST_HALF = 400
"""Characters: half a secret that is longer is known as one."""
# Between a label and its value: JSON in its own quotation marks or in a string, YAML, key=value, a form, XML, a flag.
_SEPARATOR = (
    r"\\{0,3}[\"']?\]?(?:\s{0,3}(?:=>|:=|={1,2}|%3[dD])\s{0,3}|\s{0,3}(?P<prose>:\s{1,3})|\s{0,3}:|>|(?P<flag> ))"
    r"[\[({]?(?P<quote>\\{0,3}[\"'])?"
)
_NEW = r"(?<![A-Za-z0-9])"

RULES = (
    rule(
        "private key",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
        r"(?P<secret>(?:[A-Za-z0-9+/=\s\\:,.]|-(?!----))++)(?:-----END [A-Z0-9 ]{0,60}-----)?",
        begins="-----begin",
    ),
    rule("password in a URL", r"://[^\s/:@\"'<>]{0,64}:(?P<secret>[^\s/\"'<>]{1,256})@", begins="://"),
    rule("key in a URL", r"://(?P<secret>[\w-]{16,128}+)@", begins="://", length=secret_values.random_looking),
    rule(
        "Slack webhook",
        r"(?i:hooks\.slack\.com/(?:services|workflows|triggers)/)(?P<secret>[\w/-]++)",
        begins="hooks.slack.com/",
    ),
    rule(
        "Authorization header",
        rf"(?P<strong>(?i:authorization)){_SEPARATOR}(?i:(?:bearer|basic|negotiate|token|apikey|key)\s{{1,3}})?"
        r"(?P<secret>)",
        begins="authorization",
        length=secret_values.of_authorization,
    ),
    rule(
        "cookie",
        r"(?i:cookie2?)\\{0,3}[\"']?\s{0,3}[:=]\s{0,3}\\{0,3}[\"'\[]?(?P<secret>[\w.%-]{1,64}+=[^\r\n\"'\]]++)",
        begins="cookie",
    ),
    rule(
        "labelled secret",
        r"(?i:(?P<strong>pass(?:word|wd|phrase|code)\w{0,16}|secret(?:s|[_.-]?(?:access[_.-]?)?(?:id|token|value|text))?"
        r"|(?<![a-z])(?:pass|pwd|psw))|token(?:[_.-]?(?:id|value|hash|string))?|credentials?|signature|sess(?:ion)?"
        rf"[_. -]?id|(?:csrf|xsrf)[\w-]{{0,16}}|(?<![a-z])(?:session|sid|sig|otp|pin|cvv2?|cvc2?|_auth))(?![a-z])"
        rf"{_SEPARATOR}(?P<secret>)",
        begins="pass pwd psw secret token credential signature sess csrf xsrf sid sig otp pin cvv cvc _auth",
        length=secret_values.labelled,
    ),
    rule(
        "labelled key",
        rf"(?P<strong>(?i:key(?:[_.-]?id)?))(?![a-z]){_SEPARATOR}(?P<secret>)",
        begins="key",
        length=secret_values.of_a_key,
    ),
    rule(
        "personal data",
        r"(?P<strong>(?i:name|holder|beneficiary|payee|address|birth(?:[_. -]?(?:date|day))?"
        r"|(?:tele)?phone(?:[_. -]?(?:number|no))?|mobile|ssn))(?![a-z])"
        rf"{_SEPARATOR}(?P<secret>)",
        begins="name holder beneficiary payee address birth phone telephone mobile ssn",
        length=secret_values.of_a_person,
    ),
    rule(
        "bearer or basic",
        r"(?<!\w)(?i:bearer|basic)\s{1,3}(?P<secret>[\w.~+/=-]{8,}+)",
        begins="bearer basic",
        length=secret_values.random_looking,
    ),
    rule("JWT", r"(?<![\w-])(?P<secret>eyJ[\w-]{8,}+(?:\.[\w-]*+){0,4})", "[JWT ****]", begins="eyj"),
    rule(
        "AWS access key",
        rf"{_NEW}(?P<secret>(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}})(?![A-Za-z0-9])",
        "[AWS access key ****{end}]",
        begins="akia asia abia acca",
    ),
    rule(
        "GitHub token",
        rf"{_NEW}(?P<secret>(?:gh[pousr]|github_pat)_\w{{16,}}+)",
        "[GitHub token ****{end}]",
        begins="ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
    ),
    rule(
        "Slack token",
        rf"{_NEW}(?P<secret>(?:xox[a-z]|xapp)-[\w-]{{8,}}+)",
        "[Slack token ****{end}]",
        begins="xox xapp-",
    ),
    rule(
        "Stripe key",
        rf"{_NEW}(?P<secret>(?:(?:sk|rk|pk)_(?:live|test)|whsec)_\w{{8,}}+)",
        "[Stripe key ****{end}]",
        begins="sk_ rk_ pk_ whsec_",
    ),
    rule(
        "Google key",
        rf"{_NEW}(?P<secret>AIza[\w-]{{30,}}+|ya29\.[\w.-]{{16,}}+|GOCSPX-[\w-]{{16,}}+)",
        "[Google key ****{end}]",
        begins="aiza ya29. gocspx-",
    ),
    rule(
        "service token",
        rf"{_NEW}(?P<secret>(?:glpat-|npm_|pypi-|sk-|hvs\.|dop_v1_|shpat_|hf_)[\w-]{{16,}}+|SG\.[\w-]{{12,}}+\.[\w-]{{12,}}+)",
        "[service token ****{end}]",
        begins="glpat- npm_ pypi- sk- hvs. dop_v1_ shpat_ hf_ sg.",
    ),
    rule(
        "AWS secret",
        r"(?<![\w/+.-])(?P<secret>[A-Za-z0-9/+]{40})(?!\.?[\w/+=-])",
        "[AWS secret ****{end}]",
        needs="aws akia asia secret credential",
        length=secret_values.of_aws,
    ),
    rule(
        "e-mail",
        r"(?<![\w.+-])(?P<secret>[\w.+-]{1,64}+)(?:@|%40)[\w-]{1,63}+(?:\.[\w-]{1,63}+)++",
        needs="@ %40",
        wordy=False,
    ),
    rule(
        "IBAN",
        r"(?P<secret>[A-Z](?<![A-Za-z0-9].)[A-Z]\d\d(?: ?[A-Z0-9]){11,30})",
        "[IBAN ****{end}]",
        length=secret_values.of_a_bank_account,
    ),
    rule(
        "card",
        r"(?P<secret>\d{4}(?<![\w.]....)(?:[ -]?\d){8,15})(?!\w)",
        "[card ****{end}]",
        length=secret_values.of_a_card,
        wordy=False,
    ),
    rule(
        "US SSN",
        r"(?P<secret>\d(?<![\w-].)\d\d(?<!000|666|9\d\d)-(?!00)\d\d-(?!0000)\d{4})(?![\w-])",
        "[SSN ****{end}]",
        wordy=False,
    ),
    rule(
        "phone",
        r"(?<![\w+])(?P<secret>\+\d{1,3}[ .()/-]{0,2}(?:\d[ .()/-]{0,2}){6,12}\d|\([2-9]\d\d\) ?\d{3}[ .-]\d{4})(?!\w)",
        "[phone ****{end}]",
        begins="+ (",
        wordy=False,
    ),
    rule(
        "US phone",
        r"(?P<secret>[2-9](?<![\w.].)\d\d[.-]\d{3}[ .-]\d{4})(?![\w-])",
        "[phone ****{end}]",
        wordy=False,
    ),
)
"""What is hidden, in the order in which it is looked for."""

_WORDY = tuple(each for each in RULES if each.wordy)
# Masking leaves labels as they are, so the same rules find them. Of what has none it leaves the head of a token, an id
# with a value or its own rest behind it, a path with a password behind it, the head of an account, a long word.
_HEADS = "|".join(re.escape(begin) for each in _WORDY if each.shown != STARS for begin in each.begins)
_LEFT_OVER = re.compile(
    rf"(?i:(?<![A-Za-z0-9])(?:{_HEADS}))|\[id\](?:[\w\[=]|: \S+$)|:\[path\]:|[A-Z]{{2}}\[num\]|[\w/+\[\]]{{32}}"
)


def redact(text: str) -> str:
    """Return the text with what a rule knows as a secret hidden; hiding twice changes nothing more."""
    return without(text, RULES)


def redact_head(text: str, longest: int) -> str:
    """Return at most ``longest`` characters of the redacted text, cut behind redaction: no rule knows half a secret."""
    read = 4 * longest + LONGEST_HALF
    shown = redact(text[:read])
    if len(text) > read:
        shown = shown[: max(len(shown) - LONGEST_HALF, shown.rfind(STARS) + len(STARS))]
    return shown[:longest]


def redact_field(field: str, text: str) -> str:
    """Return the value of a field, redacted: all of it goes when the field's name says what it is."""
    return STARS if text and _is_secret(field) else redact(text)


@lru_cache(maxsize=1_000)
def _is_secret(field: str) -> bool:
    return STARS in redact(f'"{field}": "Any Value"')


def stand_in(line: str) -> str:
    """Return the line with ``STAND_IN`` for each secret whose letters would tell one group from another."""
    return without(line, _WORDY, STAND_IN)


@lru_cache(maxsize=20_000)
def may_stand_in(template: str) -> bool:
    """Whether ``stand_in`` may find something in a message of this template, as ``masking`` makes it.

    Templates are few where messages are many: this is all that a message without a secret costs.
    """
    return _LEFT_OVER.search(template) is not None or stand_in(template) != template
