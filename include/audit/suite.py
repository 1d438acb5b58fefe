"""What a stream hands to the audit: its expectations, and what they need to know about a batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


@dataclass(frozen=True, slots=True)
class AuditSuite:
    """A stream's suite as code.

    Attributes:
        name: the suite's name, for example ``logs``.
        version: changes whenever a bound or an expectation changes; it is stored with every verdict.
        schema: the columns of a staged batch, lineage included, in their order.
        expectations: builds the expectations; called once a process, and only there is Great Expectations imported.
        derive: adds the columns that expectations need and the batch does not carry; returns a table of as many rows.
        parameters: the values of the suite's ``$PARAMETER`` bounds for one batch.
    """

    name: str
    version: str
    schema: pa.Schema
    expectations: Callable[[], Sequence["Expectation"]]
    derive: Callable[[pa.Table], pa.Table]
    parameters: Callable[[pa.Table], Mapping[str, float]]


def gx_expectations() -> ModuleType:
    """Return Great Expectations' catalogue; imported here, on first use, because that takes seconds."""
    import great_expectations.expectations

    return great_expectations.expectations
