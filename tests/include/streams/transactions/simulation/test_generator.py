"""Made-up transactions: sound where they say so, repeatable, and with fraud that only the journal knows."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from include.simulator.malformed import KINDS
from include.simulator.record import VALID, GeneratorOptions, SimulatedRecord
from include.streams.transactions.model import CardTransaction
from include.streams.transactions.simulation import fraud
from include.streams.transactions.simulation.generator import TransactionGenerator
from include.streams.transactions.simulation.holders import TEST_RANGES

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def made(count: int, seconds: float, **options: float) -> list[SimulatedRecord]:
    """Return so many records, made over so many seconds of their own time."""
    generator = TransactionGenerator(GeneratorOptions(**{"seed": 1} | options))  # type: ignore[arg-type]
    generator.records(1, START)
    return [
        record
        for step in range(10)
        for record in generator.records(count // 10, START + timedelta(seconds=seconds * (step + 1) / 10))
    ]


@pytest.mark.parametrize("seed", range(3))
def test_malformed_records_are_all_refused_and_valid_ones_all_accepted(seed: int) -> None:
    """Two thousand records a seed; the one exception is a ValidationError."""
    records = made(2_000, 100, seed=seed, malformed_rate=0.7)
    kinds = Counter(record.kind for record in records)
    assert set(KINDS) | {VALID} == set(kinds)
    for record in records:
        if record.kind == VALID:
            sound = CardTransaction.model_validate_json(record.data)
            assert (sound.tx_id, sound.card_number[:6] in TEST_RANGES) == (record.event_id, True)
            continue
        with pytest.raises(ValidationError):
            CardTransaction.model_validate_json(record.data)


def test_the_same_options_give_the_same_bytes() -> None:
    """Which makes a run repeatable."""
    assert made(2_000, 200, malformed_rate=0.1) == made(2_000, 200, malformed_rate=0.1)
    assert made(200, 20) != made(200, 20, seed=2)


def test_a_record_has_about_300_bytes_and_one_key_for_each_card() -> None:
    """All of a card's transactions are in one shard; the key tells nothing of the card's number."""
    records = made(5_000, 2_500)
    sizes = [len(record.data) for record in records]
    assert 230 < sum(sizes) / len(sizes) < 330
    keys: dict[str, set[str]] = {}
    for record in records:
        keys.setdefault(CardTransaction.model_validate_json(record.data).card_number, set()).add(record.partition_key)
    assert {len(found) for found in keys.values()} == {1}
    assert not [card for card, (key, *_) in ((card, list(found)) for card, found in keys.items()) if card in key]


def test_some_are_sent_twice_byte_for_byte() -> None:
    """As a producer does whose answer was lost."""
    records = made(5_000, 250, repeat_rate=0.02)
    times = Counter((record.event_id, record.data) for record in records)
    assert set(times.values()) == {1, 2}
    assert len(times) == len({record.event_id for record in records})
    assert 50 < sum(count == 2 for count in times.values()) < 150


def test_every_pattern_of_fraud_is_there_and_marked_for_the_journal_alone() -> None:
    """A fraudulent record has the fields that every record has, and nothing else."""
    records = made(60_000, 40_000, fraud_rate=0.02)
    patterns = Counter(record.scenario for record in records)
    share = 1 - patterns.pop(None) / len(records)
    assert set(patterns) == {pattern.__name__ for pattern in fraud.PATTERNS}
    assert 0.01 < share < 0.03
    assert {record.alertable for record in records if record.scenario} == {True}
    assert len({tuple(json.loads(record.data)) for record in records}) == 1


def test_without_fraud_nobody_is_robbed() -> None:
    """A rate of nothing is nothing."""
    assert {record.scenario for record in made(3_000, 300, fraud_rate=0.0)} == {None}
