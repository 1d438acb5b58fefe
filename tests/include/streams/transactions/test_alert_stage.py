"""The alert stage of a stream with a table of its own: rows, counts and messages together, once."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.alerts.settings import AlertSettings
from include.alerts.store import PostgresAlertStore
from include.alerts.store_memory import InMemoryAlertStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.errors import CaliError
from include.ledger.memory import InMemoryLedger
from include.ledger.postgres import PostgresLedger
from include.process.alert_stage import alert_pending
from include.process.validate_stage import validate_pending
from include.process.work import LEASE, Workplace
from include.streams.transactions.load import TransactionLoader
from include.streams.transactions.settings import FraudSettings
from include.streams.transactions.table_memory import InMemoryTransactionTable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHARD = "shardId-000000000000"
CARD = "4242424242424242"


def payload(number: int, at_s: float, card: str = CARD) -> bytes:
    """Return a transaction as a producer sends it."""
    return json.dumps(
        {
            "tx_id": f"tx-{number}",
            "card_number": card,
            "amount": 1_999,
            "currency": "EUR",
            "merchant_id": f"M-{number}",
            "merchant": "A shop",
            "category": "groceries",
            "country": "DE",
            "device": "pos-0000000a",
            "created_at": (NOW + timedelta(seconds=at_s)).isoformat(),
        }
    ).encode()


class World:
    """The stream in memory, from its records to its groups."""

    def __init__(self) -> None:
        self.stream = InMemoryStream("transactions")
        self.store = InMemoryObjectStore()
        self.ledger = InMemoryLedger()
        self.alerts = InMemoryAlertStore()
        self.table = InMemoryTransactionTable()

    def process(self, *payloads: bytes) -> dict[str, int]:
        """Drain, validate and alert; return the alert stage's counts."""
        for one in payloads:
            self.stream.put(SHARD, one, NOW)
        source = ShardSource("transactions", "transactions", self.stream, lambda: NOW, lambda _: None)
        drain(source, self.store, self.ledger, DrainRequest("run", BufferHints()))
        loader = TransactionLoader(self.table, FraudSettings())
        place = Workplace(streams.get("transactions"), self.store, self.ledger, "run", lambda: NOW, loader=loader)
        validate_pending(place)
        settings = AlertSettings(channels={"transactions": "cali-fraud"})
        return alert_pending(place, self.alerts, settings, "http://run").counts


def test_a_burst_over_two_batches_is_one_group_of_its_card() -> None:
    """The first four are filtered when they come, and told with the burst; the counts of each batch add up."""
    world = World()
    assert world.process(*(payload(number, number) for number in range(4))) == {"alertable": 0, "filtered": 4}
    assert world.process(*(payload(number, number) for number in (4, 5, 6)), b"rubbish") == {
        "alertable": 3,
        "filtered": 0,
    }
    (group,) = world.alerts.groups()
    assert (group.count, group.channel, group.service) == (7, "cali-fraud", "velocity")
    assert len(world.table.rules) == 7


def test_a_group_is_of_one_card_and_one_rule() -> None:
    """Two cards that are abused alike are two messages."""
    world = World()
    cards = (CARD, "5555555555554444")
    world.process(*(payload(number, number // 2, cards[number % 2]) for number in range(16)))
    assert len({group.fingerprint for group in world.alerts.groups()}) == 2
    assert [group.count for group in world.alerts.groups()] == [8, 8]


def test_no_message_and_no_object_but_the_drained_one_holds_a_card_number() -> None:
    """People see the end of a card's number and the beginning of its token."""
    world = World()
    world.process(*(payload(number, number) for number in range(8)))
    (group,) = world.alerts.groups()
    told = f"{group.title}{group.sample}"
    assert "ending 4242" in told
    assert CARD not in told
    holding = [key for key in world.store.keys("") if CARD.encode() in world.store.get(key)]
    assert not [key for key in holding if not key.startswith("raw/")]


@pytest.fixture
def database(migrated_uri: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to a new database."""
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        yield connection


@pytest.mark.integration
@pytest.mark.parametrize("dies_in", ["complete_alert", "apply"])
def test_rows_counts_groups_and_messages_are_there_together_or_not_at_all(
    database: psycopg.Connection, dies_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies once its rows are written leaves none; the next one's are there once."""
    stream, store, ledger, alerts = (
        InMemoryStream("transactions"),
        InMemoryObjectStore(),
        PostgresLedger(database),
        PostgresAlertStore(database),
    )
    for number in range(8):
        stream.put(SHARD, payload(number, number), NOW)
    source = ShardSource("transactions", "transactions", stream, lambda: NOW, lambda _: None)
    drain(source, store, ledger, DrainRequest("run", BufferHints()))
    contract = streams.get("transactions")
    assert contract.loader is not None
    loader = contract.loader(database)

    def place(owner: str, now: datetime) -> Workplace:
        return Workplace(contract, store, ledger, owner, lambda: now, loader=loader)

    def counted() -> tuple[int, ...]:
        rows = database.execute(
            "select (select count(*) from cali.transactions), (select count(*) from cali.transaction_ids),"
            " (select count(*) from cali.alert_groups), (select count(*) from cali.alert_outbox)"
        )
        (counts,) = rows.fetchall()
        return tuple(counts)

    def die(*_: object) -> None:
        raise RuntimeError

    validate_pending(place("first", NOW))
    with monkeypatch.context() as patch:
        patch.setattr({"complete_alert": ledger, "apply": alerts}[dies_in], dies_in, die)
        with suppress(CaliError):
            alert_pending(place("first", NOW), alerts, AlertSettings(), "http://run")
    assert counted() == (0, 0, 0, 0)
    report = alert_pending(place("second", NOW + 2 * LEASE), alerts, AlertSettings(), "http://run")
    assert report.counts == {"alertable": 8, "filtered": 0}
    assert counted() == (8, 8, 1, 1)
    assert alert_pending(place("third", NOW + 9 * LEASE), alerts, AlertSettings(), "http://run").counts == {}
    assert counted() == (8, 8, 1, 1)
