"""The step to one group a fingerprint keeps every count and every message of a database that was in use."""

import psycopg
import pytest

from include.alerts.group import State
from include.alerts.outbox import Delivery
from include.alerts.store import PostgresAlertStore
from include.sql.migrate import upgrade

BEFORE = "0010"
ROWS = """
insert into cali.alert_groups (
    stream, category, fingerprint, fingerprint_version, severity, severity_rank, service, title, state, count, replayed,
    first_seen, last_seen, opened_at, updated_at, closed_at, services, pods, versions, sample, batch_id, channel,
    slack_channel, slack_ts, announced_count, announced_at, latest_shard_id, latest_sequence_number,
    latest_sub_sequence, latest_arrived_at
)
select 'logs', 'record', fingerprint, 2, 'ERROR', 1, 's', 't', state, count, 1, at, at, at, at,
       case state when 'closed' then at end, '{s}', '{}', '{}', 'x', 'b', 'c', 'C', '1.0', count, at, 's', '1', 0, at
from (values ('a', 'closed', 3, timestamptz '2026-03-01 10:00Z'), ('a', 'closed', 4, '2026-03-01 11:00Z'),
             ('a', 'open', 5, '2026-03-01 12:00Z'), ('b', 'closed', 7, '2026-03-01 10:00Z'))
     as old (fingerprint, state, count, at);
insert into cali.alert_outbox (group_id, kind, channel, severity_rank, dedup_key, message_key, state, next_attempt_at,
                               created_at)
select id, 'open', 'c', 1, 'open:' || id, 'key-' || id, 'sent', opened_at, opened_at from cali.alert_groups;
update cali.alert_outbox set state = 'pending' where group_id = (select min(id) from cali.alert_groups);
"""


@pytest.mark.integration
def test_occurrences_become_one_group_and_nothing_is_lost(postgres_uri: str) -> None:
    """Counts add up, the newest occurrence lends its state and message, and a message that waited still goes out."""
    upgrade(postgres_uri, BEFORE)
    with psycopg.connect(postgres_uri, autocommit=True) as connection:
        connection.execute(ROWS)
        upgrade(postgres_uri)
        store = PostgresAlertStore(connection)
        groups = {group.fingerprint: group for group in store.groups()}
        assert {name: (one.count, one.replayed, one.state, one.occurrences) for name, one in groups.items()} == {
            "a": (12, 3, State.ONGOING, 3),
            "b": (7, 1, State.RESOLVED, 1),
        }
        assert [group.announced_count for group in groups.values()] == [12, 7]
        assert f"{groups['a'].first_seen:%H}" == "10"
        assert {message.group_id for message in store.messages()} == {group.id for group in groups.values()}
        assert [message.state for message in store.messages()].count(Delivery.PENDING) == 1
