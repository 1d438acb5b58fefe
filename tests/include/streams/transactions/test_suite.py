"""The transactions suite passes what is as usual, and names what is not."""

from datetime import timedelta
from typing import Any

import pytest

from include.audit import audit
from include.streams.transactions.suite import transactions_suite
from tests.include.streams.transactions.staging import NOW, row, staged

SUITE = transactions_suite()
ROWS = 40


def broken(*changed: dict[str, Any]) -> set[tuple[str, ...]]:
    """Return the expectations, with their columns, that a batch breaks."""
    rows = [*changed, *(row(number + 100) for number in range(ROWS))]
    report = audit(staged(rows), SUITE, NOW)
    return {(outcome.type, *outcome.columns) for outcome in report.failures()}


def test_a_batch_as_usual_passes() -> None:
    """Nothing is expected of it in vain."""
    assert broken() == set()


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"amount": -1}, "amount"),
        ({"currency": "XXX"}, "currency"),
        ({"card_token": "4242424242424242"}, "card_token"),
        ({"card_last4": "42424"}, "card_last4"),
    ],
)
def test_one_row_that_the_model_should_have_refused_fails_the_batch(change: dict[str, Any], column: str) -> None:
    """It is a fault of ours."""
    assert {columns for _, columns in broken(row(1, **change))} == {column}


def test_many_repeated_ids_old_events_and_huge_amounts_fail_the_batch() -> None:
    """One of them does not: that is a producer's daily life."""
    odd = {"created_at": NOW - timedelta(days=30), "amount": 10**11}
    assert broken(row(1, **odd)) == set()
    columns = {columns for _, columns in broken(*(row(1, **odd) for _ in range(25)))}
    assert columns == {"tx_id", "amount", "_event_age_s"}


def test_a_few_transactions_sent_again_do_not_keep_a_small_batch_back() -> None:
    """A producer that was not sure sends again; the table keeps each once."""
    assert broken(row(1), row(1), row(2), row(2)) == set()
