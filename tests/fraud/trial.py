"""The fraud rules over made-up transactions, held against what the generator knows of each: which are fraudulent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from pydantic import TypeAdapter

from include.simulator.record import VALID, GeneratorOptions, SimulatedRecord
from include.simulator.registry import simulation
from include.streams.fields import LINEAGE_FIELDS
from include.streams.transactions import STREAM
from include.streams.transactions.load import TransactionLoader
from include.streams.transactions.model import CardTransaction, to_columns
from include.streams.transactions.settings import FraudSettings
from include.streams.transactions.table import TransactionTable

BEGIN = datetime(2026, 3, 2, 3, tzinfo=UTC)
AT_ONCE = 5_000

Verdicts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Material:
    """Validated transactions as staged rows, in the order of their arrival, and the pattern of each fraudulent one."""

    rows: pa.Table
    labels: Mapping[str, str]
    transactions: int


def material(records: int, rate: float, seed: int, fraud_rate: float) -> Material:
    """Return so many records' valid transactions, made at ``rate`` a second of their own time."""
    labels: dict[str, str] = {}
    ids: set[str] = set()
    tables = []
    for batch in _records(records, rate, seed, fraud_rate):
        sound = [record for record in batch if record.kind == VALID]
        labels |= {str(record.event_id): record.scenario for record in sound if record.scenario}
        ids |= {str(record.event_id) for record in sound}
        tables.append(_staged(sound))
    return Material(pa.concat_tables(tables).combine_chunks(), labels, len(ids))


def _records(records: int, rate: float, seed: int, fraud_rate: float) -> Iterator[list[SimulatedRecord]]:
    generator = simulation("transactions").generator(
        GeneratorOptions(seed=seed, malformed_rate=0.01, fraud_rate=fraud_rate)
    )
    now = BEGIN
    generator.records(1, now)
    for begin in range(0, records, AT_ONCE):
        count = min(AT_ONCE, records - begin)
        now += timedelta(seconds=count / rate)
        yield generator.records(count, now)


def _staged(records: list[SimulatedRecord]) -> pa.Table:
    parse = TypeAdapter(CardTransaction).validator.validate_json
    columns = to_columns([parse(record.data) for record in records])
    lineage = {
        "_stream": ["transactions"] * len(records),
        "_batch_id": ["batch"] * len(records),
        "_shard_id": ["shard"] * len(records),
        "_sequence_number": ["0"] * len(records),
        "_sub_sequence": [0] * len(records),
        "_arrived_at": columns["created_at"],
    }
    return pa.table(columns | lineage, schema=pa.schema([*STREAM.schema, *LINEAGE_FIELDS]))


def load(rows: pa.Table, table: TransactionTable, size: int) -> Iterator[int]:
    """Load the rows in batches of that size; yield after each how many are loaded."""
    loader = TransactionLoader(table, FraudSettings())
    for begin in range(0, rows.num_rows, size):
        loader.load(rows.slice(begin, size), f"batch-{begin}", BEGIN, replayed=False)
        yield min(begin + size, rows.num_rows)


@dataclass(frozen=True, slots=True)
class Score:
    """How well the rules found what the generator hid; shares from 0 to 1, and counts by pattern and by rule."""

    fraudulent: int
    found: int
    false: int
    recall_by_pattern: Mapping[str, float]
    false_by_rule: Mapping[str, int]

    @property
    def recall(self) -> float:
        """The share of fraudulent transactions that were found."""
        return self.found / self.fraudulent if self.fraudulent else 1.0

    @property
    def precision(self) -> float:
        """The share of suspected transactions that are fraudulent."""
        suspected = self.found + self.false
        return self.found / suspected if suspected else 1.0


def score(labels: Mapping[str, str], found: Verdicts) -> Score:
    """Hold verdicts against labels."""
    suspected = {tx_id: rules for tx_id, rules in found.items() if rules}
    by_pattern: dict[str, list[bool]] = {}
    for tx_id, pattern in labels.items():
        by_pattern.setdefault(pattern, []).append(tx_id in suspected)
    false: dict[str, int] = {}
    for tx_id, rules in suspected.items():
        if tx_id not in labels:
            false[rules[0]] = false.get(rules[0], 0) + 1
    return Score(
        fraudulent=len(labels),
        found=sum(tx_id in suspected for tx_id in labels),
        false=sum(false.values()),
        recall_by_pattern={name: round(sum(hits) / len(hits), 4) for name, hits in sorted(by_pattern.items())},
        false_by_rule=dict(sorted(false.items())),
    )
