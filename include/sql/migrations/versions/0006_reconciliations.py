"""Reconciliations: what was compared with what, and what differed."""

from alembic import op

revision = "0006"
down_revision = "0005"

RECONCILIATIONS = """
create table cali.reconciliations (
    id             bigint generated always as identity primary key,
    stream         text not null,
    -- The span of arrival times: from_at on, before to_at.
    from_at        timestamptz not null,
    to_at          timestamptz not null,
    run_id         text not null,
    state          text not null check (state in ('equal', 'different')),
    batches        bigint not null,
    records        bigint not null,
    -- Objects that were read, and events that the stream still held, byte for byte.
    objects        bigint not null,
    stream_records bigint not null,
    differences    bigint not null,
    report         jsonb not null,
    report_key     text not null,
    started_at     timestamptz not null,
    finished_at    timestamptz not null,
    -- A run says one thing of a stream; tried again, it says it again.
    unique (stream, run_id),
    constraint spans_some_time check (from_at < to_at),
    constraint differences_make_it_different check ((differences > 0) = (state = 'different'))
);
create index reconciliations_by_time on cali.reconciliations (stream, from_at);

-- What arrived when: batches are reconciled by the day.
create index micro_batches_by_arrival on cali.micro_batches (stream, shard_id, first_arrived_at);
"""


def upgrade() -> None:
    """Create the results of reconciliations."""
    op.execute(RECONCILIATIONS)
