"""The ledger: how far each shard is drained, which batches there are, and what became of each."""

from alembic import op

revision = "0001"
down_revision = None

LEDGER = """
create table cali.shard_checkpoints (
    stream              text not null,
    shard_id            text not null,
    parent_shard_ids    text[] not null default '{}',
    -- Where reading starts while nothing is drained yet; null is the oldest record that the stream holds.
    start_at            timestamptz,
    -- The last record that is durably drained; null while there is none.
    sequence_number     text,
    state               text not null default 'open' check (state in ('open', 'closed')),
    -- The fencing token: every advance must name the version that it read.
    version             bigint not null default 0,
    last_arrived_at     timestamptz,
    updated_at          timestamptz not null,
    primary key (stream, shard_id)
);

create table cali.micro_batches (
    batch_id              text primary key,
    stream                text not null,
    shard_id              text not null,
    first_sequence_number text not null,
    first_sub_sequence    integer not null,
    last_sequence_number  text not null,
    last_sub_sequence     integer not null,
    records               bigint not null check (records > 0),
    bytes                 bigint not null,
    sha256                text not null,
    first_arrived_at      timestamptz not null,
    last_arrived_at       timestamptz not null,
    raw_key               text not null unique,
    staged_key            text,
    dlq_key               text,
    clean_key             text,
    state                 text not null default 'drained'
                          check (state in ('drained', 'validated', 'published', 'quarantined')),
    valid                 bigint,
    dead_lettered         bigint,
    alertable             bigint,
    filtered              bigint,
    run_id                text,
    drained_at            timestamptz not null,
    validated_at          timestamptz,
    alerted_at            timestamptz,
    audited_at            timestamptz,
    unique (stream, shard_id, first_sequence_number, first_sub_sequence),
    -- The conservation law, held by the database as well.
    constraint read_is_valid_and_dead_lettered check (valid + dead_lettered = records),
    constraint valid_is_alertable_and_filtered check (alertable + filtered = valid)
);
create index micro_batches_by_time on cali.micro_batches (stream, drained_at);

create table cali.batch_stages (
    batch_id        text not null references cali.micro_batches on delete cascade,
    stream          text not null,
    stage           text not null check (stage in ('validate', 'alert', 'audit')),
    state           text not null default 'pending' check (state in ('pending', 'claimed', 'done')),
    claimed_by      text,
    lease_until     timestamptz,
    -- Counts the claims, and is the fencing token of the newest one.
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null,
    last_error      text,
    done_at         timestamptz,
    primary key (batch_id, stage)
);
create index batch_stages_open on cali.batch_stages (stream, stage, next_attempt_at) where state <> 'done';

create table cali.dead_letters (
    batch_id      text not null references cali.micro_batches on delete cascade,
    stage         text not null,
    reason        text not null,
    records       bigint not null check (records > 0),
    dlq_key       text not null,
    sample        text not null,
    redrive_state text not null default 'open' check (redrive_state in ('open', 'redriven', 'discarded')),
    created_at    timestamptz not null,
    primary key (batch_id, stage, reason)
);

create table cali.quality_results (
    batch_id      text not null references cali.micro_batches on delete cascade,
    suite         text not null,
    suite_version text not null,
    success       boolean not null,
    evaluated     integer not null,
    successful    integer not null,
    report        jsonb not null,
    docs_key      text,
    started_at    timestamptz not null,
    duration_s    double precision not null,
    primary key (batch_id, suite)
);
"""


def upgrade() -> None:
    """Create the checkpoints, the batches with their stages, the dead letters and the quality results."""
    op.execute(LEDGER)
