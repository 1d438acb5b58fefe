"""A report as a page and as a message: complete, escaped, and nothing is loaded."""

from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from itertools import product

from include.reports.day import Day
from include.reports.digest import digest
from include.reports.page import page
from include.reports.values import (
    AttainmentLine,
    DailyReport,
    DeadLetterLine,
    Facts,
    GroupLine,
    LogCount,
    QualityLine,
)
from tests.include.reports.logs_of_a_day import at

EVIL = "<script>alert('x')</script>&\"<!channel>"
DAY = Day(date(2026, 3, 29), "Europe/Berlin")
REPORT = DailyReport(
    DAY,
    [
        LogCount("auth", "FATAL", 2, at(8), at(9)),
        LogCount("pay", "ERROR", 1_500, at(8), at(9)),
        LogCount("pay", "INFO", 40_000, at(0), at(20)),
    ],
    Facts(
        groups=[GroupLine("ERROR", "pay", "timeout after <*>", 1_400, at(8), at(9))],
        dead_letters=[DeadLetterLine("logs", "validate", "missing", 12, 3)],
        quality=[QualityLine("logs", "logs", 100, 2, 700)],
        attainment=[
            AttainmentLine("logs_drain", "realtime", 99, 288, 288, 0, 0),
            AttainmentLine("consumer_batch", "hourly", 99, 24, 20, 1, 3),
            AttainmentLine("daily_aggregation", "daily", 99, 0, 0, 0, 0),
        ],
    ),
)


class Reader(HTMLParser):
    """Collects a page's elements, attributes and texts, by the rules that a browser reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element's name and those of its attributes."""
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.texts.append(data.strip())


def evil() -> DailyReport:
    """Return a report whose every text wants to be markup."""
    facts = Facts(
        groups=[replace(REPORT.facts.groups[0], severity=EVIL, service=EVIL, title=EVIL)],
        dead_letters=[DeadLetterLine(EVIL, EVIL, EVIL, 1, 0)],
        quality=[QualityLine(EVIL, EVIL, 1, 0, 0)],
        attainment=[AttainmentLine(EVIL, EVIL, 99, 1, 1, 0, 0)],
    )
    return DailyReport(DAY, [replace(REPORT.logs[0], service=EVIL, level=EVIL)], facts)


def test_the_page_says_everything_there_is() -> None:
    """Times are those of the place, and it is the same page however often it is made."""
    html = page(REPORT).decode()
    texts = Reader(html).texts
    for expected in ("40,000", "timeout after <*>", "missing", "700", "83.33 %", "nothing judged", "Europe/Berlin"):
        assert any(expected in text for text in texts), expected
    assert "2026-03-28 09:00:00" in texts
    assert page(REPORT) == html.encode()


def test_no_value_becomes_markup_on_the_page() -> None:
    """The elements are the same as those of a harmless report, and so are their attributes."""
    harmless, harmful = Reader(page(REPORT).decode()), Reader(page(evil()).decode())
    assert EVIL in harmful.texts
    assert (harmful.elements, harmful.attributes) == (harmless.elements, harmless.attributes)
    assert not {"script", "img", "link", "iframe", "a"} & harmful.elements


def test_a_day_without_anything_has_a_page_and_a_message() -> None:
    """Both say so."""
    nothing = DailyReport(DAY, [])
    assert Reader(page(nothing).decode()).texts.count("None.") == 5
    assert "none is promised" in str(digest(nothing, "key").blocks)


def test_the_message_has_what_decides_whether_to_look() -> None:
    """Levels in the order of their weight, who is loudest, and each service level."""
    message = digest(REPORT, "reports/daily/x.html")
    texts = [str(block) for block in message.blocks]
    assert message.text == "📊 Sunday, 29 March 2026: 41,502 log events. FATAL 2 · ERROR 1,500 · INFO 40,000"
    assert "pay: 1,500\\nauth: 2" in texts[2]
    assert "12 dead letters · 2 failed audits · 700 records in quarantine" in texts[4]
    assert "✅ logs_drain (realtime): 100.00 % of 288 windows, 99 % promised" in texts[5]
    assert "🔴 consumer_batch (hourly): 83.33 % of 24 windows" in texts[5]
    assert "⚪ daily_aggregation (daily): nothing judged" in texts[5]


def test_no_value_becomes_markup_in_the_message() -> None:
    """Nobody is mentioned by a log line."""
    assert "<" not in str([block for block in digest(evil(), EVIL).blocks if block["type"] != "header"])
    assert "<" not in digest(evil(), EVIL).text


def test_the_message_stays_within_slacks_limits() -> None:
    """Whatever services call themselves."""
    logs = [
        LogCount("s" * 60 + str(n), level, 1, at(8), at(9)) for n, level in product(range(300), ("ERROR", "X" * 90))
    ]
    groups = [GroupLine("ERROR", "s" * 64, "&" * 9_000, 1, at(8), at(9))] * 20
    attainment = [AttainmentLine("p" * 300, "daily", 99, 1, 1, 0, 0)] * 200
    message = digest(DailyReport(DAY, logs, Facts(groups=groups, attainment=attainment)), "k" * 5_000)
    assert len(message.blocks) <= 50
    assert max(len(str(block["text"])) for block in message.blocks if block["type"] == "section") < 3_200
