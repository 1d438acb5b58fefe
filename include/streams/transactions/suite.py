"""The transactions suite: what a staged batch of card transactions must look like before it may be published."""

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from include.audit.suite import AuditSuite, gx_expectations
from include.streams.suite import Asked, Bounds, staged_suite
from include.streams.transactions.currencies import EXPONENTS
from include.streams.transactions.model import MOST_MINOR_UNITS, SCHEMA

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


@dataclass(frozen=True, slots=True)
class TransactionsSuiteParameters(Bounds):
    """The suite's bounds.

    Attributes:
        ordinary_amount: minor units that an ordinary purchase stays below, in any currency.
        ordinary_share: share of rows, 0 to 1, that must be ordinary: a producer that sends another unit than the minor
            one moves all of its amounts.
    """

    ordinary_amount: int = 100_000_000
    ordinary_share: float = 0.95


DEFAULTS = TransactionsSuiteParameters()
ASKED = Asked(SCHEMA, "tx_id", "created_at", required=("tx_id", "card_token", "amount", "currency", "created_at"))


@cache
def transactions_suite(parameters: TransactionsSuiteParameters = DEFAULTS) -> AuditSuite:
    """Return the transactions suite with these bounds."""
    return staged_suite("transactions", ASKED, parameters, partial(_about_transactions, parameters))


def _about_transactions(parameters: TransactionsSuiteParameters) -> "list[Expectation]":
    """Return the expectations on amounts, currencies and what is kept of cards."""
    gxe = gx_expectations()
    return [
        gxe.ExpectColumnValuesToBeBetween(column="amount", min_value=1, max_value=MOST_MINOR_UNITS),
        gxe.ExpectColumnValuesToBeBetween(
            column="amount", max_value=parameters.ordinary_amount, mostly=parameters.ordinary_share
        ),
        gxe.ExpectColumnValuesToBeInSet(column="currency", value_set=sorted(EXPONENTS)),
        # A whole card number has no business in a staged batch.
        gxe.ExpectColumnValuesToMatchRegex(column="card_token", regex="^[0-9a-f]{32}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="card_last4", regex="^[0-9]{4}$"),
    ]
