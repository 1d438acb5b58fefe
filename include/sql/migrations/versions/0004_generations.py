"""Generations: a replay drains again, beside the live checkpoints and batches."""

from alembic import op

revision = "0004"
down_revision = "0003"

GENERATIONS = """
-- 0 is the live drain; each replay of a stream has a number of its own.
alter table cali.shard_checkpoints
    add column generation integer not null default 0 check (generation >= 0),
    -- A replay's range: the record to begin at, and the one that it closes with, both inclusive.
    add column start_sequence_number text,
    add column stop_sequence_number text,
    drop constraint shard_checkpoints_pkey,
    add primary key (stream, generation, shard_id);

alter table cali.micro_batches
    add column generation integer not null default 0 check (generation >= 0),
    drop constraint micro_batches_stream_shard_id_first_sequence_number_first_s_key;
create unique index one_batch_begins_there on cali.micro_batches
    (stream, generation, shard_id, first_sequence_number, first_sub_sequence);

create table cali.replays (
    stream               text not null,
    generation           integer not null check (generation > 0),
    -- The run that asked: tried again, it goes on with the same generation.
    requested_by         text not null,
    -- What was asked for.
    shard_id             text,
    from_at              timestamptz,
    from_sequence_number text,
    until                timestamptz,
    alerts               boolean not null,
    state                text not null default 'running' check (state in ('running', 'done', 'failed')),
    last_error           text,
    batches              bigint not null default 0,
    records              bigint not null default 0,
    -- What the range asks for and the stream no longer holds (missing_until is null: nothing is missing).
    missing_records      bigint not null default 0,
    missing_from         timestamptz,
    missing_until        timestamptz,
    started_at           timestamptz not null,
    finished_at          timestamptz,
    primary key (stream, generation),
    unique (stream, requested_by),
    constraint begins_once check ((from_at is null) <> (from_sequence_number is null))
);

-- How many of a group's records came by a replay that was asked for alerts.
alter table cali.alert_groups
    add column replayed bigint not null default 0,
    add constraint replayed_is_counted check (replayed between 0 and count);
"""


def upgrade() -> None:
    """Give checkpoints and batches their generation, and replays a table."""
    op.execute(GENERATIONS)
