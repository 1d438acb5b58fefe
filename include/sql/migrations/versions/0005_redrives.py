"""Redrives: dead letters that were judged again, and what became of them."""

from alembic import op

revision = "0005"
down_revision = "0004"

REDRIVES = """
-- A batch made of dead letters of another one; null for a batch that was drained.
alter table cali.micro_batches add column origin_batch_id text references cali.micro_batches;
create index micro_batches_by_origin on cali.micro_batches (origin_batch_id) where origin_batch_id is not null;

-- A place in a shard begins one drained batch; the batches that are redriven from there stand beside it.
drop index cali.one_batch_begins_there;
create unique index one_batch_begins_there
    on cali.micro_batches (stream, generation, shard_id, first_sequence_number, first_sub_sequence)
    where origin_batch_id is null;

alter table cali.dead_letters
    add column redriven_records bigint not null default 0,
    -- Redrives in a row that fixed none of the group.
    add column attempts         integer not null default 0,
    add column last_attempt_at  timestamptz,
    add constraint redriven_at_most_once check (redriven_records <= records),
    add constraint redriven_is_whole check (redrive_state <> 'redriven' or redriven_records = records);

create table cali.redrives (
    redrive_id      bigint generated always as identity primary key,
    run_id          text not null unique,
    stream          text not null,
    filters         jsonb not null,
    dry_run         boolean not null,
    state           text not null check (state in ('running', 'done', 'cancelled', 'failed')),
    -- Counts the tries of the run, and is the fencing token of the newest one.
    token           integer not null default 1,
    -- The last source batch that is done with: where a retry goes on.
    after_drained_at timestamptz,
    after_batch_id  text,
    considered      bigint not null default 0,
    fixed           bigint not null default 0,
    still_bad       bigint not null default 0,
    skipped         bigint not null default 0,
    -- The counts by reason, and examples of what stays bad.
    report          jsonb not null,
    started_at      timestamptz not null,
    finished_at     timestamptz,
    constraint considered_is_fixed_and_still_bad check (fixed + still_bad = considered)
);

-- Which dead letter went into which batch. Its key is what no second redrive gets past.
create table cali.redriven_records (
    batch_id         text not null,
    sequence_number  text not null,
    sub_sequence     integer not null,
    stage            text not null,
    reason           text not null,
    redrive_id       bigint not null references cali.redrives,
    -- No reference: the guard stays as long as the dead letter, also when the redriven batch is forgotten.
    redrive_batch_id text not null,
    redriven_at      timestamptz not null,
    primary key (batch_id, sequence_number, sub_sequence),
    foreign key (batch_id, stage, reason) references cali.dead_letters on delete cascade
);
create index redriven_records_by_batch on cali.redriven_records (redrive_batch_id);
create index redriven_records_by_sequence_number on cali.redriven_records (sequence_number);

-- One row for each redriven dead letter, and one for each group that has none.
create view cali.dead_letter_trace as
select
    source.stream, source.shard_id, redriven.sequence_number, redriven.sub_sequence,
    letters.batch_id, letters.stage, letters.reason, letters.records, letters.redriven_records,
    letters.redrive_state, letters.attempts, source.raw_key, letters.dlq_key,
    redriven.redrive_id, redriven.redriven_at, redriven.redrive_batch_id,
    target.state as redrive_batch_state, target.raw_key as redrive_raw_key, target.staged_key, target.clean_key
from cali.dead_letters as letters
join cali.micro_batches as source using (batch_id)
left join cali.redriven_records as redriven
    on redriven.batch_id = letters.batch_id and redriven.stage = letters.stage and redriven.reason = letters.reason
left join cali.micro_batches as target on target.batch_id = redriven.redrive_batch_id;
"""


def upgrade() -> None:
    """Let a batch name its origin, and keep the redrives with the records that each one moved."""
    op.execute(REDRIVES)
