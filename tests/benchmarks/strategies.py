"""Three ways to get transactions into the same table: one INSERT a record, the same from a pool, and batches."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pyarrow as pa

from include.records import utc_now
from include.streams.transactions.table_postgres import PostgresTransactionTable

POOL = 10
"""Connections of the pool."""
LINGER_S = 1.0
"""How long the buffer of batches fills."""
INSERT = """
with claimed as (
    insert into cali.transaction_ids (tx_id, created_at) values (%(tx_id)s, %(created_at)s)
    on conflict do nothing returning tx_id
)
insert into cali.transactions (
    tx_id, created_at, card_token, card_last4, amount_minor, exponent, currency, merchant_id, merchant, category,
    country, device, batch_id, processed_at
)
select tx_id, %(created_at)s, %(card_token)s, %(card_last4)s, %(amount)s, 2, %(currency)s, %(merchant_id)s,
       %(merchant)s, %(category)s, %(country)s, %(device)s, 'bench', now()
from claimed
on conflict do nothing
"""
"""What one record costs at least: the same rows, and the same promise that an id is there once."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Records that fall due at a rate a second, from an instant of the monotonic clock on, until another."""

    rows: pa.Table
    rate: float
    started: float
    until: float

    def due(self, number: int) -> float:
        """Return when a record falls due, on the monotonic clock."""
        return self.started + number / self.rate


Strategy = Callable[[str, Pace], list[float]]
"""Loads what falls due, in order, until the pace's end; returns each row's seconds from due to committed."""


def one_insert_a_record(uri: str, pace: Pace) -> list[float]:
    """One connection, one record after the other, each its own transaction."""
    waited = []
    with psycopg.connect(uri, autocommit=True) as connection:
        for number, row in enumerate(pace.rows.to_pylist()):
            if not _wait_until(pace.due(number), pace.until):
                break
            connection.execute(INSERT, row)
            waited.append(time.monotonic() - pace.due(number))
    return waited


def a_pool_of_connections(uri: str, pace: Pace) -> list[float]:
    """The same statement, by as many connections as the pool has, as records fall due."""
    return asyncio.run(_pooled(uri, pace))


async def _pooled(uri: str, pace: Pace) -> list[float]:
    waiting = iter(enumerate(pace.rows.to_pylist()))
    waited: list[float] = []

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(uri, autocommit=True) as connection:
            for number, row in waiting:
                ahead = pace.due(number) - time.monotonic()
                if pace.due(number) >= pace.until or time.monotonic() >= pace.until:
                    return
                if ahead > 0:
                    await asyncio.sleep(ahead)
                await connection.execute(INSERT, row)
                waited.append(time.monotonic() - pace.due(number))

    await asyncio.gather(*(work() for _ in range(POOL)))
    return waited


def buffered_batches(uri: str, pace: Pace) -> list[float]:
    """What falls due within a second goes by COPY and one statement, as the transaction stream does it."""
    waited: list[float] = []
    done = 0
    with psycopg.connect(uri, autocommit=True) as connection:
        table = PostgresTransactionTable(connection)
        while _wait_until(pace.due(done) + LINGER_S, pace.until + LINGER_S):
            now = min(time.monotonic(), pace.until)
            end = min(int((now - pace.started) * pace.rate), pace.rows.num_rows)
            if end <= done:
                break
            with connection.transaction():
                table.add(pace.rows.slice(done, end - done), f"bench-{done}", utc_now())
            committed = time.monotonic()
            waited += [committed - pace.due(number) for number in range(done, end)]
            done = end
    return waited


def _wait_until(at: float, until: float) -> bool:
    """Wait for an instant of the monotonic clock; return whether it, and the present, lie before the end."""
    if at >= until or time.monotonic() >= until:
        return False
    # Pacing a load is what this is for: there is nothing to wait for but the time.
    time.sleep(max(0.0, at - time.monotonic()))
    return True


STRATEGIES: dict[str, Strategy] = {
    "one INSERT a record": one_insert_a_record,
    f"a pool of {POOL}": a_pool_of_connections,
    "buffered batches": buffered_batches,
}
