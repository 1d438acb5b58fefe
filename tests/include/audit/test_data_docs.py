"""The pages on verdicts, and which batches get one."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from include.audit import DocsDecision, ExpectationOutcome, QualityReport, decide_docs, render_data_docs

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PASSED = ExpectationOutcome(
    type="expect_table_row_count_to_be_between",
    columns=(),
    kwargs={"min_value": 1},
    success=True,
    observed=12,
)
HOSTILE = "<script>alert(1)</script><img src=https://evil.example/x>"
FAILED = ExpectationOutcome(
    type="expect_column_values_to_be_in_set",
    columns=("level",),
    kwargs={"column": "level", "value_set": ["INFO"]},
    success=False,
    element_count=12,
    unexpected_count=3,
    unexpected_percent=25.0,
    samples=(HOSTILE, "TRACE"),
)
RAISED = ExpectationOutcome(
    type="expect_column_values_to_not_be_null",
    columns=("service",),
    kwargs={"column": "service"},
    success=False,
    exception=f"no column {HOSTILE}",
)


def report_of(*outcomes: ExpectationOutcome) -> QualityReport:
    """Return a report with these outcomes."""
    successful = sum(outcome.success for outcome in outcomes)
    return QualityReport(
        suite="logs",
        suite_version="1",
        success=successful == len(outcomes),
        evaluated=len(outcomes),
        successful=successful,
        rows=12,
        expectations=outcomes,
        started_at=NOW,
        duration_s=0.05,
        gx_version="1.24.1",
    )


class Loads(HTMLParser):
    """Collects what a page loads or runs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note tags that load or run something, and handlers in attributes."""
        if tag in {"script", "link", "img", "iframe", "object", "embed", "base"}:
            self.found.append(tag)
        self.found += [name for name, _ in attrs if name.startswith("on") or name == "src"]


@pytest.mark.parametrize("outcomes", [(PASSED,), (PASSED, FAILED), (FAILED, RAISED), ()])
def test_page_loads_and_runs_nothing(outcomes: tuple[ExpectationOutcome, ...]) -> None:
    """No page loads anything from elsewhere or runs anything, even if a log line asks for it."""
    page = render_data_docs(report_of(*outcomes), f"batch-{HOSTILE}").decode()
    reader = Loads()
    reader.feed(page)
    assert reader.found == []
    assert re.findall(r"url\(|@import", page) == []


def test_policy_stands_before_anything_else() -> None:
    """The content security policy is the head's second entry, ahead of every style."""
    page = render_data_docs(report_of(PASSED), "batch-1").decode()
    head = page[page.index("<head>") :]
    assert head.index("default-src 'none'") < head.index("<style")


@pytest.mark.parametrize("outcome", [FAILED, RAISED, replace(PASSED, observed=HOSTILE)])
def test_page_shows_values_as_text(outcome: ExpectationOutcome) -> None:
    """A hostile value, reason or observation is shown as the text that it is, escaped once."""
    body = render_data_docs(report_of(outcome), "batch-1").decode().split("</head>")[1]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


def test_page_names_suite_verdict_and_batch() -> None:
    """The title says which suite gave which verdict on which batch, and the body names the batch."""
    page = render_data_docs(report_of(FAILED), "logs-000123").decode()
    assert "<title>logs FAILED logs-000123</title>" in page
    assert page.count("<title>") == 1
    assert "logs-000123" in page.split("</head>")[1]


def test_page_shows_observed_values() -> None:
    """A passing expectation's observed value is on the page."""
    outcome = replace(PASSED, observed=4711)
    assert re.search(r"4,?711", render_data_docs(report_of(outcome), "batch-1").decode())


@pytest.mark.parametrize(
    ("success", "last", "expected"),
    [
        (False, NOW, DocsDecision(render=True, reason="failed")),
        (True, None, DocsDecision(render=True, reason="first_of_stream")),
        (True, NOW - timedelta(seconds=60), DocsDecision(render=True, reason="interval_passed")),
        (True, NOW - timedelta(seconds=59), DocsDecision(render=False, reason="recent_page_exists")),
        (True, NOW + timedelta(seconds=5), DocsDecision(render=False, reason="recent_page_exists")),
    ],
)
def test_failures_always_get_a_page_and_passes_one_a_minute(
    success: bool, last: datetime | None, expected: DocsDecision
) -> None:
    """A failed batch always gets a page; a passing one only if the stream's last page is a minute old."""
    assert decide_docs(success=success, last_rendered_at=last, now=NOW) == expected
