"""The audit's verdicts, on batches of the logs stream and on suites made for one purpose."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.audit import AuditSuite, QualityReport, audit

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SCHEMA = pa.schema([("word", pa.string()), ("number", pa.float64())])


def suite_of(expectations: Callable[[], Sequence[Any]], **changes: Any) -> AuditSuite:
    """Return a suite over ``SCHEMA`` that derives nothing."""
    parts = {
        "name": "words",
        "version": "7",
        "schema": SCHEMA,
        "expectations": expectations,
        "derive": lambda table: table,
        "parameters": lambda _table: {},
    }
    return AuditSuite(**(parts | changes))


def words_are_known() -> list[Any]:
    """Expect each word to be ``yes``."""
    from great_expectations.expectations import ExpectColumnValuesToBeInSet

    return [ExpectColumnValuesToBeInSet(column="word", value_set=["yes"])]


def numbers_have_a_mean() -> list[Any]:
    """Expect a mean, which an empty column does not have."""
    from great_expectations.expectations import ExpectColumnMeanToBeBetween

    return [ExpectColumnMeanToBeBetween(column="number", max_value={"$PARAMETER": "most"})]


def a_column_that_is_not_there() -> list[Any]:
    """Expect something of a column that no batch has."""
    from great_expectations.expectations import ExpectColumnValuesToNotBeNull

    return [*words_are_known(), ExpectColumnValuesToNotBeNull(column="missing")]


WORDS = suite_of(words_are_known)


def table_of(words: Sequence[str | None]) -> pa.Table:
    """Return a batch with these words."""
    return pa.table({"word": words, "number": [1.5] * len(words)}, schema=SCHEMA)


def test_report_names_suite_time_and_version_of_great_expectations() -> None:
    """A report says which suite judged, when it began, and with which Great Expectations."""
    report = audit(table_of(["yes", "yes"]), WORDS, NOW)
    named = (report.suite, report.suite_version, report.started_at, report.gx_version, report.rows)
    assert named == ("words", "7", NOW, "1.24.1", 2)
    assert (report.success, report.evaluated, report.successful) == (True, 1, 1)
    assert report.duration_s > 0


def test_failed_expectation_shows_count_percent_and_distinct_samples() -> None:
    """A failed expectation tells how many rows broke it and shows each unexpected value once."""
    (outcome,) = audit(table_of(["yes", "no", "no", "maybe"]), WORDS, NOW).failures()
    assert (outcome.type, outcome.columns) == ("expect_column_values_to_be_in_set", ("word",))
    assert (outcome.element_count, outcome.unexpected_count, outcome.unexpected_percent) == (4, 3, 75.0)
    assert outcome.samples == ("no", "maybe")
    assert outcome.kwargs["value_set"] == ["yes"]


def test_samples_are_few_and_short() -> None:
    """However many and long the unexpected values, at most 20 of at most 200 characters are kept."""
    (outcome,) = audit(table_of([f"{number}" + "x" * 1_000 for number in range(50)]), WORDS, NOW).failures()
    assert len(outcome.samples) == 20
    assert {len(str(sample)) for sample in outcome.samples} == {200}


def test_samples_show_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """A value that breaks an expectation is redacted, and an error that quotes one is told without it."""
    (outcome,) = audit(table_of(["password=hunter2", "of 078-05-1120"]), WORDS, NOW).failures()
    assert outcome.samples == ("password=****", "of [SSN ****1120]")

    def broken(_table: pa.Table) -> pa.Table:
        raise ValueError("no number: password=hunter2")

    (outcome,) = audit(table_of(["yes"]), suite_of(words_are_known, derive=broken), NOW).failures()
    assert outcome.exception == "ValueError: no number: password=****"
    assert ("hunter2" in caplog.text, "in broken" in caplog.text) == (False, True)


def test_expectation_that_raises_is_not_a_pass() -> None:
    """An expectation that cannot be judged fails with its reason, and the others are judged all the same."""
    report = audit(table_of(["yes"]), suite_of(a_column_that_is_not_there), NOW)
    (outcome,) = report.failures()
    assert (report.success, report.evaluated, report.successful) == (False, 2, 1)
    assert outcome.exception == 'Error: The column "missing" in BatchData does not exist.'


def test_batch_that_cannot_be_judged_is_not_a_pass(caplog: pytest.LogCaptureFixture) -> None:
    """If the judge itself stops, the report fails with the reason, and the log has the trace."""

    def broken(_table: pa.Table) -> pa.Table:
        raise ZeroDivisionError("no derivation")

    report = audit(table_of(["yes"]), suite_of(words_are_known, derive=broken), NOW)
    assert report.success is False
    assert [outcome.exception for outcome in report.expectations] == ["ZeroDivisionError: no derivation"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_suite_without_expectations_is_not_a_pass() -> None:
    """A suite that expects nothing has judged nothing."""
    assert audit(table_of(["yes"]), suite_of(list), NOW).success is False


def test_observed_values_are_json() -> None:
    """A value that numpy computed is stored as a plain number, with the batch's own bound beside it."""
    suite = suite_of(numbers_have_a_mean, parameters=lambda table: {"most": float(table.num_rows)})
    (outcome,) = audit(table_of(["yes"] * 3), suite, NOW).expectations
    assert (type(outcome.observed), outcome.observed) == (float, 1.5)
    assert outcome.kwargs["max_value"] == 3.0


def test_verdicts_do_not_leak_from_batch_to_batch() -> None:
    """The shared context forgets a batch: a good one after a bad one passes, and the other way round."""
    batches = [table_of(["yes"]), table_of(["no"]), table_of(["yes", "yes"]), table_of(["no"])]
    verdicts = [audit(batch, WORDS, NOW).success for batch in batches]
    assert verdicts == [True, False, True, False]


def test_threads_may_audit_at_the_same_time() -> None:
    """Audits of several threads of a process each judge their own batch."""
    batches = [table_of(["yes" if number % 2 else "no"] * (number + 1)) for number in range(12)]

    def judged(batch: pa.Table) -> tuple[bool, int | None]:
        report: QualityReport = audit(batch, WORDS, NOW)
        return report.success, report.expectations[0].element_count

    with ThreadPoolExecutor(4) as threads:
        verdicts = list(threads.map(judged, batches))
    assert verdicts == [(number % 2 == 1, number + 1) for number in range(12)]


def test_audit_leaves_nothing_behind_in_a_new_process(tmp_path: Path) -> None:
    """A first audit prints nothing, writes no file, connects to nobody, and starts no thread, so forking stays safe."""
    script = """
import sys
import threading

heard = {"socket.connect", "socket.getaddrinfo", "os.mkdir", "tempfile.mkdtemp", "tempfile.mkstemp"}
noted = []
sys.addaudithook(lambda event, args: noted.append(event) if event in heard else None)
from test_judge import NOW, WORDS, audit, table_of
import great_expectations
noted.clear()
assert not audit(table_of(["no"]), WORDS, NOW).success
assert noted == [], noted
assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
"""
    paths = ":".join([str(Path(__file__).parent), *sys.path])
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert (ran.returncode, ran.stdout, ran.stderr, list(tmp_path.iterdir())) == (0, "", "", [])


def test_row_holds_json_and_the_names_of_the_table() -> None:
    """A report's row has the table's columns, and JSON gives it back unchanged."""
    row = audit(table_of(["no"]), suite_of(a_column_that_is_not_there), NOW).to_row("batch-1", "quality/page.html")
    assert list(row) == [
        "batch_id",
        "suite",
        "suite_version",
        "success",
        "evaluated",
        "successful",
        "report",
        "docs_key",
        "started_at",
        "duration_s",
    ]
    assert json.loads(json.dumps(row, allow_nan=False)) == row


@pytest.mark.parametrize("words", [["yes", "yes"], ["yes", "no", None], []])
@pytest.mark.parametrize("expectations", [words_are_known, numbers_have_a_mean, a_column_that_is_not_there])
def test_a_report_is_the_same_where_nothing_is_kept(
    words: list[str | None], expectations: Callable[[], Sequence[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Working each configuration out once saves time and changes no outcome, and ends with the audit."""
    from great_expectations.expectations.expectation import Expectation

    untouched = Expectation.configuration
    suite = suite_of(expectations, parameters=lambda _: {"most": 2.0})
    kept = audit(table_of(words), suite, NOW)
    assert Expectation.configuration is untouched
    monkeypatch.setattr("include.audit.judge._configurations_kept", nullcontext)
    assert audit(table_of(words), suite, NOW).expectations == kept.expectations
