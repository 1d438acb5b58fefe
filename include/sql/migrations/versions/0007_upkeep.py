"""Upkeep: compacted hours, what housekeeping removed, and the figures of the ledger as views."""

from alembic import op

revision = "0007"
down_revision = "0006"

COMPACTION = """
alter table cali.micro_batches
    -- The partition that the batch's objects lie in.
    add column hour timestamptz not null
        generated always as (date_trunc('hour', first_arrived_at at time zone 'UTC') at time zone 'UTC') stored,
    -- The object in compacted/ that holds the batch; null while none does.
    add column compacted_key text;
create index micro_batches_by_hour on cali.micro_batches (stream, hour);
create index micro_batches_uncompacted on cali.micro_batches (stream, hour)
    where compacted_key is null and state = 'published' and clean_key is not null;

create table cali.compactions (
    stream         text not null,
    hour           timestamptz not null,
    object_key     text not null unique,
    batches        bigint not null check (batches > 0),
    records        bigint not null check (records > 0),
    bytes          bigint not null check (bytes > 0),
    -- Over the ids of the batches, in the order of their records.
    batches_sha256 text not null,
    compacted_at   timestamptz not null,
    -- Since when the object is never written again: what it was made from may be gone.
    sealed_at      timestamptz,
    primary key (stream, hour)
);

-- The batches that readers of clean/ see.
create view cali.clean_batches as
select batch_id, stream, shard_id, hour, first_sequence_number, first_sub_sequence, clean_key, valid as records,
       compacted_key
from cali.micro_batches
where state = 'published' and clean_key like 'clean/%';
"""

PURGES = """
-- Every object that housekeeping removed or is about to: the row comes first, then the deletion, then deleted_at.
create table cali.purges (
    object_key text primary key,
    room       text not null,
    stream     text,
    batch_id   text,
    reason     text not null check (reason in ('retention', 'orphan')),
    decided_at timestamptz not null,
    deleted_at timestamptz
);
create index purges_undone on cali.purges (decided_at) where deleted_at is null;
create index purges_by_time on cali.purges (deleted_at);

-- The smallest set of objects that holds each published record once.
create view cali.clean_objects as
with whole as (
    select stream, hour, object_key, records
    from cali.compactions
    where (
        sealed_at is not null
        or not exists (
            select from cali.clean_batches as batches
            where batches.stream = compactions.stream and batches.hour = compactions.hour and compacted_key is null
        )
    )
    and not exists (select from cali.purges where purges.object_key = compactions.object_key)
),
-- Each object on its own that nothing whole replaces.
alone as (
    select batches.stream, batches.hour, batches.records,
           batches.compacted_key <> compactions.object_key as late,
           batches.clean_key, batches.compacted_key
    from cali.clean_batches as batches
    left join cali.compactions using (stream, hour)
    where not exists (select from whole where whole.object_key = batches.compacted_key)
)
select stream, hour, object_key, records, 'compacted' as kind from whole
union all
select stream, hour, case when late then compacted_key else clean_key end, records,
       case when late then 'late' else 'small' end
from alone
where not exists (
    select from cali.purges where purges.object_key = case when late then compacted_key else clean_key end
);
"""


def upgrade() -> None:
    """Create the compactions and the purges, and the views over them."""
    op.execute(COMPACTION)
    op.execute(PURGES)
