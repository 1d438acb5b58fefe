"""What the simulator calls malformed is refused by the contract, and what it calls valid is accepted."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from include.simulator.record import VALID, GeneratorOptions
from include.streams.logs.model import LogEvent
from include.streams.logs.simulation.generator import LogGenerator

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
BATCH = TypeAdapter(list[LogEvent])


@pytest.mark.parametrize("seed", range(6))
def test_malformed_records_are_all_refused_and_valid_ones_all_accepted(seed: int) -> None:
    """Two thousand records a seed, alone and as a batch; the one exception is a ValidationError."""
    generator = LogGenerator(GeneratorOptions(seed=seed, malformed_rate=0.7))
    generator.records(1, START)
    records = generator.records(2_000, START + timedelta(seconds=120))
    for record in records:
        if record.kind == VALID:
            LogEvent.model_validate_json(record.data)
            continue
        with pytest.raises(ValidationError):
            LogEvent.model_validate_json(record.data)
    valid = [record.data for record in records if record.kind == VALID]
    assert len(BATCH.validate_json(b"[" + b",".join(valid) + b"]")) == len(valid)
