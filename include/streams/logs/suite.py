"""The logs suite: what a staged batch of log events must look like before it may be published."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import pyarrow as pa

from include.audit.suite import AuditSuite, gx_expectations
from include.streams.logs.model import SCHEMA
from include.streams.suite import Asked, Bounds, staged_suite

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


@dataclass(frozen=True, slots=True)
class LogsSuiteParameters(Bounds):
    """The suite's bounds.

    Attributes:
        levels: the levels that the contract knows.
        error_levels: those that count as errors.
        shortest_content: characters of ``log_content``, at least.
        longest_content: characters of ``log_content``, at most.
        content_share: share of rows, 0 to 1, that must keep those lengths.
        most_errors_share: share of error rows, 0 to 1, at most. It is there for a classifier that calls everything an
            error, not for an incident, which may well reach 80 %.
        errors_judged_from_rows: rows from which that share is judged. In a batch of 100 with 80 % errors the chance
            of more than 95 is below 1 in 100,000 (binomial); in a batch of 5 it is 1 in 3.
    """

    levels: tuple[str, ...] = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")
    error_levels: tuple[str, ...] = ("ERROR", "FATAL")
    shortest_content: int = 1
    longest_content: int = 262_144
    content_share: float = 0.99
    most_errors_share: float = 0.95
    errors_judged_from_rows: int = 100


DEFAULTS = LogsSuiteParameters()
ASKED = Asked(SCHEMA, "event_id", "timestamp", required=("event_id", "timestamp", "level", "service"))


@cache
def logs_suite(parameters: LogsSuiteParameters = DEFAULTS) -> AuditSuite:
    """Return the logs suite with these bounds."""
    own = partial(_about_logs, parameters)
    return staged_suite("logs", ASKED, parameters, own, partial(_bounds_of_batch, parameters))


def _bounds_of_batch(parameters: LogsSuiteParameters, table: pa.Table) -> Mapping[str, float]:
    """Return the bound that depends on the batch's size: how many rows must not be errors."""
    judged = table.num_rows >= parameters.errors_judged_from_rows
    return {"calm_share": round(1.0 - parameters.most_errors_share, 6) if judged else 0.0}


def _about_logs(parameters: LogsSuiteParameters) -> "list[Expectation]":
    """Return the expectations on levels and lengths."""
    gxe = gx_expectations()
    return [
        gxe.ExpectColumnValuesToBeInSet(column="level", value_set=list(parameters.levels)),
        gxe.ExpectColumnValueLengthsToBeBetween(
            column="log_content",
            min_value=parameters.shortest_content,
            max_value=parameters.longest_content,
            mostly=parameters.content_share,
        ),
        gxe.ExpectColumnValuesToNotBeInSet(
            column="level", value_set=list(parameters.error_levels), mostly={"$PARAMETER": "calm_share"}
        ),
    ]
