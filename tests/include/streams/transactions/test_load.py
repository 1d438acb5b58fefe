"""A batch's verdicts: the same however the stream is cut, whatever comes late, and however often it comes."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.streams.transactions.load import TransactionLoader
from include.streams.transactions.settings import FraudSettings
from include.streams.transactions.table_memory import InMemoryTransactionTable
from tests.include.streams.transactions.staging import NOW, row, staged

FRAUD = FraudSettings(history_rows=10)


class Desk:
    """A loader over an empty table in memory."""

    def __init__(self) -> None:
        self.table = InMemoryTransactionTable()
        self.loader = TransactionLoader(self.table, FRAUD)

    def load(self, rows: Sequence[dict[str, Any]], *, replayed: bool = False) -> tuple[list[list[str]], list[str]]:
        """Load a batch; return its rows' rules, and the ids of earlier ones that turned out suspicious."""
        loaded = self.loader.load(staged(rows), "batch", NOW, replayed=replayed)
        return loaded.rows.column("fraud_rules").to_pylist(), loaded.beside.column("tx_id").to_pylist()


BURST = [row(number, at_s=8 * number) for number in range(6)]
BROKEN = {one["tx_id"]: ("velocity",) for one in BURST}


def course(seed: int) -> list[dict[str, Any]]:
    """Return a hundred transactions of three cards, with bursts, rings, tests and journeys among them."""
    rng, at, rows = Random(seed), 0.0, []
    for number in range(100):
        at += rng.choice((1, 5, 60, 3_000))
        rows.append(
            row(
                number,
                card=rng.randrange(3),
                at_s=at,
                amount=rng.choice((100, 999, 999, 5_000, 6_000, 90_000)),
                country=rng.choice(("DE", "DE", "DE", "JP")),
                device=rng.choice(("pos-0000000a", "web-0000000b")),
            )
        )
    return rows


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 50),
    cuts=st.lists(st.integers(1, 99), max_size=8),
    shuffled=st.one_of(st.none(), st.randoms(use_true_random=False)),
)
def test_verdicts_depend_on_the_transactions_and_not_on_how_they_come(
    seed: int, cuts: list[int], shuffled: Random | None
) -> None:
    """In one batch, in several, in any order of theirs, and once more afterwards: the table says the same."""
    rows, whole = course(seed), Desk()
    whole.load(rows)
    assert any(whole.table.rules.values())
    begins = sorted({0, *cuts})
    batches = [rows[begin:end] for begin, end in zip(begins, [*begins[1:], None], strict=True)]
    if shuffled:
        shuffled.shuffle(batches)
    pieces = Desk()
    for batch in [*batches, *batches]:
        pieces.load(batch)
    assert pieces.table.rules == whole.table.rules


def test_single_transactions_are_judged_like_batches() -> None:
    """The smallest cut there is."""
    rows, whole, pieces = course(7), Desk(), Desk()
    whole.load(rows)
    for one in rows:
        pieces.load([one])
    assert pieces.table.rules == whole.table.rules


def test_the_first_of_a_burst_are_told_when_the_burst_shows() -> None:
    """Five transactions are nothing; with the sixth all six are suspicious."""
    desk = Desk()
    assert desk.load(BURST[:5]) == ([[]] * 5, [])
    assert desk.load(BURST[5:]) == ([["velocity"]], [one["tx_id"] for one in BURST[:5]])
    assert desk.table.rules == BROKEN


def test_a_late_transaction_completes_a_burst_that_has_passed() -> None:
    """The third of six comes last, and the other five are told as well."""
    desk = Desk()
    desk.load([*BURST[:2], *BURST[3:]])
    rules, beside = desk.load([BURST[2]])
    assert (rules, len(beside)) == ([["velocity"]], 5)
    assert desk.table.rules == BROKEN


def test_a_late_transaction_can_clear_another() -> None:
    """A purchase abroad was impossible as long as the card seemed at home elsewhere."""
    at_home = [row(number, at_s=-40_000 + 600 * number, country="JP") for number in range(6)]
    desk = Desk()
    desk.load([*at_home[:5], row(50, at_s=-36_000, country="DE")])
    assert desk.table.rules["tx-0050"] == ("impossible_travel",)
    more = [row(60 + number, at_s=-37_000 + number, country="DE", device="pos-0000000c") for number in range(9)]
    desk.load(more)
    assert desk.table.rules["tx-0050"] == ()


def test_a_transaction_that_is_sent_again_is_neither_kept_nor_told_twice() -> None:
    """Within a batch, in the next one, and with another amount."""
    desk = Desk()
    rules, _ = desk.load([*BURST, BURST[5]])
    assert rules == [["velocity"]] * 6 + [[]]
    assert desk.load([BURST[5], BURST[0] | {"amount": 1}]) == ([[], []], [])
    assert len(desk.table.rules) == 6


def test_a_replay_tells_again_what_is_known() -> None:
    """It was asked for: whether it reaches anybody is the replay's own choice."""
    desk = Desk()
    desk.load(BURST)
    assert desk.load(BURST, replayed=True) == ([["velocity"]] * 6, [])
    assert desk.table.rules == BROKEN


@pytest.mark.parametrize("rows", [[], [row(1)]])
def test_small_batches_have_the_columns_that_alerts_look_at(rows: list[dict[str, Any]]) -> None:
    """Also where nothing is suspicious."""
    loaded = Desk().loader.load(staged(rows), "batch", NOW, replayed=False)
    assert loaded.rows.schema == loaded.beside.schema
    assert {"fraud_rules", "reason"} <= set(loaded.rows.column_names)
    assert (loaded.rows.num_rows, loaded.beside.num_rows) == (len(rows), 0)
