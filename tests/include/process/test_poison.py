"""One record that is made to do harm blocks no shard and takes no batch down."""

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.keys import Room
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from tests.include.drain.packing import NOW
from tests.poison import hard, log_event, refused

SHARD = "shardId-000000000000"


class World:
    """A stream, a bucket and a ledger in memory."""

    def __init__(self) -> None:
        self.stream = InMemoryStream("logs")
        self.store = InMemoryObjectStore()
        self.ledger = InMemoryLedger()

    def carry(self, *payloads: bytes) -> tuple[int, list[bytes]]:
        """Put records, drain and validate; return how many are in ``staged/``, and the data in ``dlq/``."""
        for payload in payloads:
            self.stream.put(SHARD, payload, NOW)
        source = ShardSource("logs", "logs", self.stream, lambda: NOW, lambda _: None)
        drain(source, self.store, self.ledger, DrainRequest("run", BufferHints()))
        validate_pending(Workplace(streams.get("logs"), self.store, self.ledger, "run", lambda: NOW))
        staged, dead = (
            [from_parquet(self.store.get(key)) for key in self.store.keys(f"{room}/")]
            for room in (Room.STAGED, Room.DLQ)
        )
        return sum(table.num_rows for table in staged), [
            data for table in dead for data in table.column("data").to_pylist()
        ]


def test_a_poison_record_is_one_dead_letter_and_its_neighbours_and_successors_go_on() -> None:
    """Bombs, nesting, NUL, lone surrogates, NaN, huge numbers, doubled keys: each is kept whole."""
    outcomes = {}
    for name, poison in refused().items():
        world = World()
        first = world.carry(log_event(1), poison, log_event(2))
        outcomes[name] = (first == (2, [poison]), world.carry(log_event(3)) == (3, [poison]))
    assert outcomes == dict.fromkeys(refused(), (True, True))


def test_all_poison_at_once_is_as_many_dead_letters() -> None:
    """They do no more harm together than alone, and what is only hard to stomach is staged."""
    poison = list(refused().values())
    assert World().carry(*poison, *hard()) == (len(hard()), poison)
