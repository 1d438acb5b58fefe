"""The verdict on a batch, in values that JSON and Postgres can hold."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from include.audit.jsonable import Json


@dataclass(frozen=True, slots=True)
class ExpectationOutcome:
    """How one expectation came out.

    Attributes:
        type: the expectation's name in Great Expectations, for example ``expect_column_values_to_be_unique``.
        columns: the columns it looked at; empty if it judges the table.
        kwargs: its arguments, with ``$PARAMETER`` bounds filled in.
        success: False also if the expectation raised: what could not be judged is not a pass.
        observed: the value it computed, if it computes one.
        element_count: rows it looked at, if it judges row by row.
        unexpected_count: rows that broke it.
        unexpected_percent: the same as a share of the rows that are not null, 0 to 100.
        samples: distinct values among the first 20 that broke it, long texts cut.
        exception: why it could not be judged, or None.
    """

    type: str
    columns: tuple[str, ...]
    kwargs: Mapping[str, Json]
    success: bool
    observed: Json = None
    element_count: int | None = None
    unexpected_count: int | None = None
    unexpected_percent: float | None = None
    samples: tuple[Json, ...] = ()
    exception: str | None = None


@dataclass(frozen=True, slots=True)
class QualityReport:
    """A suite's verdict on one batch.

    ``started_at`` is aware and UTC, ``duration_s`` is wall time in seconds, ``rows`` the batch's length, and
    ``evaluated`` and ``successful`` count expectations. ``success`` holds only if every expectation does.
    """

    suite: str
    suite_version: str
    success: bool
    evaluated: int
    successful: int
    rows: int
    expectations: tuple[ExpectationOutcome, ...]
    started_at: datetime
    duration_s: float
    gx_version: str

    def failures(self) -> tuple[ExpectationOutcome, ...]:
        """Return the expectations that failed or could not be judged."""
        return tuple(outcome for outcome in self.expectations if not outcome.success)

    def to_row(self, batch_id: str, docs_key: str | None = None) -> dict[str, Json]:
        """Return the row of ``cali.quality_results``; every value fits JSON, ``report`` fits ``jsonb``."""
        return {
            "batch_id": batch_id,
            "suite": self.suite,
            "suite_version": self.suite_version,
            "success": self.success,
            "evaluated": self.evaluated,
            "successful": self.successful,
            "report": {
                "rows": self.rows,
                "gx_version": self.gx_version,
                "expectations": [_as_json(outcome) for outcome in self.expectations],
            },
            "docs_key": docs_key,
            "started_at": self.started_at.isoformat(),
            "duration_s": self.duration_s,
        }


def _as_json(outcome: ExpectationOutcome) -> dict[str, Json]:
    """Return an outcome as JSON has it: lists for tuples."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(outcome).items()}
