"""Data Docs: a verdict as a page that a browser shows without asking any other server.

Great Expectations' own renderer makes the page. As it comes, it loads style sheets, scripts and a logo from seven hosts
and puts unexpected values into the page as they are, so that a log line could bring its own script. Here values are
escaped, what is loaded or run is taken out, a small style sheet takes its place, and a content security policy holds
the browser to it.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.audit.jsonable import Json
from include.audit.report import ExpectationOutcome, QualityReport

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult

PASSING_INTERVAL = timedelta(minutes=1)
"""How often a stream's passing batches get a page."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_LOADED_OR_RUN = re.compile(
    r"<(script|style|title)\b.*?</\1\s*>|<(?:link|img)\b[^>]*>|\sonclick=\"[^\"]*\"",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DocsDecision:
    """Whether a batch gets a page, and why."""

    render: bool
    reason: str


def decide_docs(
    *,
    success: bool,
    last_rendered_at: datetime | None,
    now: datetime,
    interval: timedelta = PASSING_INTERVAL,
) -> DocsDecision:
    """Decide on a batch's page: a failure always gets one, passes at most one an interval and stream.

    ``last_rendered_at`` is when the stream last got a page (None: never); all times are aware and UTC.
    """
    if not success:
        return DocsDecision(render=True, reason="failed")
    if last_rendered_at is None:
        return DocsDecision(render=True, reason="first_of_stream")
    if now - last_rendered_at >= interval:
        return DocsDecision(render=True, reason="interval_passed")
    return DocsDecision(render=False, reason="recent_page_exists")


def render_data_docs(report: QualityReport, batch_id: str) -> bytes:
    """Return the batch's page: UTF-8 HTML that loads nothing and runs nothing."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    renderer: Any = ValidationResultsPageRenderer(run_info_at_end=False)
    page = _view().render(renderer.render(_gx_result(report, batch_id)))
    title = f"{report.suite} {'passed' if report.success else 'FAILED'} {batch_id}"
    return _self_contained(page, title).encode()


@cache
def _view() -> Any:  # noqa: ANN401 - the class has no types
    """Return the process's view; its templates are compiled once."""
    from great_expectations.render.view.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


@cache
def _head() -> str:
    """Return what every page carries in its head: the policy before anything else, then the style."""
    style = Path(__file__).with_name("data_docs.css").read_text(encoding="utf-8")
    return f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<style>{style}</style>'


def _self_contained(page: str, title: str) -> str:
    """Take out what a page loads or runs and put in what it needs."""
    page = _LOADED_OR_RUN.sub("", page)
    head = f"<head>\n<meta charset='utf-8'>\n{_head()}\n<title>{escape(title)}</title>"
    return page.replace("<head>", head, 1)


def _escaped(value: Json) -> Json:
    """Return a value from the batch with its texts escaped for HTML, as the renderer leaves them alone."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return {escape(key): _escaped(item) for key, item in value.items()} if isinstance(value, dict) else value


def _gx_result(report: QualityReport, batch_id: str) -> "ExpectationSuiteValidationResult":
    """Return the report in the shape that the renderer reads."""
    from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier

    return ExpectationSuiteValidationResult(
        success=report.success,
        results=[_gx_verdict(outcome) for outcome in report.expectations],
        suite_name=report.suite,
        statistics={
            "evaluated_expectations": report.evaluated,
            "successful_expectations": report.successful,
            "unsuccessful_expectations": report.evaluated - report.successful,
            "success_percent": 100.0 * report.successful / report.evaluated if report.evaluated else None,
        },
        meta={
            "great_expectations_version": report.gx_version,
            "run_id": RunIdentifier(run_name=batch_id, run_time=report.started_at),
            "batch": {"batch_id": batch_id, "rows": report.rows, "suite_version": report.suite_version},
        },
    )


def _gx_verdict(outcome: ExpectationOutcome) -> "ExpectationValidationResult":
    """Return one outcome in the shape that the renderer reads."""
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )

    result = {
        "observed_value": _escaped(outcome.observed),
        "element_count": outcome.element_count,
        "unexpected_count": outcome.unexpected_count,
        "unexpected_percent": outcome.unexpected_percent,
        "partial_unexpected_list": _escaped(list(outcome.samples)),
    }
    return ExpectationValidationResult(
        success=outcome.success,
        expectation_config=ExpectationConfiguration(type=outcome.type, kwargs=dict(outcome.kwargs)),
        result={key: value for key, value in result.items() if value is not None},
        exception_info={
            "raised_exception": outcome.exception is not None,
            "exception_message": outcome.exception,
            "exception_traceback": "",  # the renderer wants a text
        },
    )
