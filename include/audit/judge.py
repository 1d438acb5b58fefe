"""Run a suite on a batch with Great Expectations, in memory and without a word to anybody."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from traceback import format_exception
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from include.alerts.redaction import redact, redact_field
from include.audit.jsonable import Json, jsonable
from include.audit.report import ExpectationOutcome, QualityReport
from include.audit.suite import AuditSuite
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

log = logging.getLogger(__name__)

SAMPLES = 20
"""How many unexpected values an expectation may show."""
_ONE_AT_A_TIME = threading.Lock()
"""Great Expectations keeps the batch in an engine that all batches of a data source share."""


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """What the expectations said, and which version of Great Expectations they were."""

    outcomes: tuple[ExpectationOutcome, ...]
    gx_version: str


def audit(table: pa.Table, suite: AuditSuite, now: datetime) -> QualityReport:
    """Judge a staged batch and return the verdict; a batch that cannot be judged fails with the reason.

    Args:
        table: the staged batch, with its lineage columns.
        suite: the stream's suite; compiled once a process.
        now: the present instant, aware and UTC; becomes the report's ``started_at``.
    """
    started = time.perf_counter()
    try:
        verdicts = _judge(table, suite)
    except Exception as error:  # noqa: BLE001 - whatever stops the judge is the verdict: not a pass
        reason = redact("".join(format_exception(error)))  # a record's value may be in it
        log.error("the audit could not judge suite=%s rows=%d %s", suite.name, table.num_rows, reason)  # noqa: TRY400
        verdicts = _Verdicts((_unjudged(error),), _gx_version())
    successful = sum(outcome.success for outcome in verdicts.outcomes)
    return QualityReport(
        suite=suite.name,
        suite_version=suite.version,
        success=successful == len(verdicts.outcomes),
        evaluated=len(verdicts.outcomes),
        successful=successful,
        rows=table.num_rows,
        expectations=verdicts.outcomes,
        started_at=now,
        duration_s=round(time.perf_counter() - started, 6),
        gx_version=verdicts.gx_version,
    )


def _judge(table: pa.Table, suite: AuditSuite) -> _Verdicts:
    """Let every expectation of the suite look at the table.

    All columns go into the frame, because their order and types are judged too; pandas takes Arrow's strings over
    without copying them (1 to 2 ms for 17 columns of 10,000 rows).
    """
    frame = suite.derive(table).to_pandas()
    with _ONE_AT_A_TIME, _configurations_kept():
        result = (
            _in_memory_batches()
            .get_batch({"dataframe": frame})
            .validate(
                _compiled(suite),
                result_format={"result_format": "BASIC", "partial_unexpected_count": SAMPLES},
                expectation_parameters=dict(suite.parameters(table)),
            )
        )
    if not result.results:
        raise ConfigurationError(f"The suite {suite.name!r} expects nothing; give it an expectation")
    return _Verdicts(tuple(_outcome(verdict) for verdict in result.results), _gx_version())


@contextmanager
def _configurations_kept() -> Iterator[None]:
    """Have each expectation's configuration worked out once, for a ``with`` block in which no expectation changes.

    Great Expectations 1.24.1 does it anew at each look at one of its values, some fifty times for each expectation:
    nearly half of what the audit of a small batch costs.
    """
    from great_expectations.expectations.expectation import Expectation

    worked_out = Expectation.configuration
    # The expectation is kept too: no other one gets its id meanwhile.
    kept: dict[int, tuple[object, object]] = {}

    def configuration(expectation: "Expectation") -> object:
        if id(expectation) not in kept:
            kept[id(expectation)] = (expectation, worked_out.__get__(expectation))
        return kept[id(expectation)][1]

    Expectation.configuration = property(configuration)  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        Expectation.configuration = worked_out  # type: ignore[method-assign]


@cache
def _in_memory_batches() -> "BatchDefinition[None]":
    """Return the process's one way to make a frame a batch: an ephemeral context that knows no store and no cloud."""
    # Its import tells at level INFO what it does not document.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    from great_expectations import get_context
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    # Even a disabled progress bar starts tqdm's monitor thread, and a process with threads is unsafe to fork.
    import_module("tqdm").tqdm.monitor_interval = 0
    # By default an ephemeral context makes a folder for pages under the system's temporary one.
    nowhere = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars={"globally": False},  # type: ignore[arg-type]
        analytics_enabled=False,
    )
    context = get_context(mode="ephemeral", project_config=nowhere)
    asset = context.data_sources.add_pandas("staged").add_dataframe_asset("batch")
    return asset.add_batch_definition_whole_dataframe("whole")


@cache
def _compiled(suite: AuditSuite) -> "ExpectationSuite":
    """Return the suite as Great Expectations has it; it stays outside every store."""
    from great_expectations import ExpectationSuite

    return ExpectationSuite(name=suite.name, expectations=list(suite.expectations()))


def _gx_version() -> str:
    """Return the version of Great Expectations."""
    import great_expectations

    return str(great_expectations.__version__)


def _outcome(verdict: "ExpectationValidationResult") -> ExpectationOutcome:
    """Take from a result of Great Expectations what is worth keeping."""
    configuration = verdict.expectation_config
    if configuration is None:
        raise TypeError("Great Expectations returned a result without its expectation; see its version's changes")
    result: Mapping[str, Any] = verdict.result or {}
    kwargs = {key: value for key, value in configuration.kwargs.items() if key != "batch_id"}
    exception = _exception_of(verdict.exception_info or {})
    return ExpectationOutcome(
        type=configuration.type,
        columns=_columns_of(kwargs),
        kwargs={key: jsonable(value) for key, value in kwargs.items()},
        success=bool(verdict.success) and exception is None,
        observed=jsonable(result.get("observed_value")),
        element_count=result.get("element_count"),
        unexpected_count=result.get("unexpected_count"),
        unexpected_percent=_number(result.get("unexpected_percent")),
        samples=_distinct(result.get("partial_unexpected_list") or (), _columns_of(kwargs)),
        exception=exception,
    )


def _unjudged(error: Exception) -> ExpectationOutcome:
    """Return the outcome that stands for a batch nobody could look at."""
    reason = str(jsonable(f"{type(error).__name__}: {error}", 1_000))
    return ExpectationOutcome(type="expect_batch_to_be_judged", columns=(), kwargs={}, success=False, exception=reason)


def _columns_of(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that an expectation's arguments name."""
    if "column" in kwargs:
        return (str(kwargs["column"]),)
    return tuple(str(kwargs[key]) for key in ("column_A", "column_B") if key in kwargs)


def _exception_of(info: Mapping[str, Any]) -> str | None:
    """Return why an expectation raised: Great Expectations tells it flat, or once for each metric that failed."""
    nested = [item for item in info.values() if isinstance(item, Mapping)]
    messages = [item.get("exception_message") for item in [info, *nested] if item.get("raised_exception")]
    if not messages:
        return None
    return str(jsonable("; ".join(dict.fromkeys(str(message) for message in messages)), 1_000))


def _number(value: object) -> float | None:
    """Return a finite number, or None."""
    plain = jsonable(value)
    return float(plain) if isinstance(plain, int | float) else None


def _distinct(values: Sequence[object], columns: Sequence[str]) -> tuple[Json, ...]:
    """Return the values without repetition, in their order, redacted as values of their columns."""
    plain = [_shown(jsonable(value), columns) for value in values[:SAMPLES]]
    return tuple({repr(value): value for value in plain}.values())


def _shown(value: Json, columns: Sequence[str]) -> Json:
    """Return a column's value, or what is shown instead; of several columns a value is redacted by its looks alone."""
    if not isinstance(value, str | int) or len(columns) != 1:
        return value
    shown = redact_field(columns[0], str(value))
    return value if shown == str(value) else shown
