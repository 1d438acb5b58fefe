"""The rules find most of what the generator hides, suspect few others, and say the same however the stream is cut."""

import pytest

from include.streams.transactions.cards import KEY_VARIABLE
from tests.fraud.__main__ import PRECISION, RECALL, _disturbed, _judged, main
from tests.fraud.trial import Material, material, score


@pytest.fixture(scope="module")
def made() -> Material:
    """Return ten thousand records of six hours and more, with much fraud among them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, "0" * 32)
        return material(10_000, 0.4, 5, 0.05)


def test_most_fraud_is_found_and_few_innocent_ones_are_suspected(made: Material) -> None:
    """Of every pattern there is some, and of none is most missed."""
    result = score(made.labels, _judged(made, 1_000))
    assert result.fraudulent > 200
    assert (result.recall >= RECALL, result.precision >= PRECISION) == (True, True), result
    assert len(result.recall_by_pattern) == 6
    assert min(result.recall_by_pattern.values()) > 0.5


@pytest.mark.parametrize("size", [1, 500])
def test_the_size_of_batches_changes_nothing(made: Material, size: int) -> None:
    """One at a time, or many."""
    assert _judged(made, size) == _judged(made, 10_000)


def test_neither_does_their_order_nor_a_replay(made: Material) -> None:
    """Neighbouring batches in the wrong order, and everything once more."""
    assert _disturbed(made, 250, 1) == _judged(made, 10_000)


def test_the_command_fails_where_nothing_can_be_found(capsys: pytest.CaptureFixture[str]) -> None:
    """A few records hold bursts that have only begun: the goal is not met, and the exit code says so."""
    assert main(["--records", "3000", "--rate", "300", "--fraud-rate", "0.2", "--batches", "1000"]) == 1
    assert "ways to cut the stream agree" in capsys.readouterr().out
