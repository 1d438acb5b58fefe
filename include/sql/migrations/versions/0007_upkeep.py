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
    where compacted_key is null and generation = 0 and state = 'published' and clean_key is not null;

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
where generation = 0 and state = 'published' and clean_key is not null;
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
create index purges_by_batch on cali.purges (batch_id) where deleted_at is null;
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

OBJECTS = """
-- Every object that the ledger names and housekeeping has not removed. It is held_back while somebody needs it.
create view cali.batch_objects as
select named.object_key, named.room, named.stream, named.batch_id, named.created_at, named.held_back
from (
    select objects.object_key, batches.stream, batches.batch_id, batches.drained_at as created_at,
           case when batches.generation = 0 then objects.room else 'replay' end as room,
           case
               when exists (
                   select from cali.batch_stages as stages
                   where stages.batch_id = batches.batch_id and stages.state <> 'done'
               ) then 'unfinished'
               when batches.generation > 0 then null
               when objects.room in ('raw', 'staged') and batches.state = 'quarantined' then 'quarantined'
               when objects.room in ('raw', 'staged') and exists (
                   select from cali.dead_letters as letters
                   where letters.batch_id = batches.batch_id and letters.redrive_state = 'open'
               ) then 'dead letters open'
               when objects.room = 'clean' and (batches.compacted_key is null or written.sealed_at is null)
               then 'not compacted'
           end as held_back
    from cali.micro_batches as batches
    left join cali.compactions as written on written.stream = batches.stream and written.hour = batches.hour
    cross join lateral (
        values ('raw', batches.raw_key), ('staged', batches.staged_key),
               ('dlq', batches.dlq_key), ('clean', batches.clean_key)
    ) as objects (room, object_key)
    where objects.object_key is not null
    union all
    select results.docs_key, batches.stream, batches.batch_id, results.started_at,
           case when batches.generation = 0 then 'quality' else 'replay' end, null
    from cali.quality_results as results
    join cali.micro_batches as batches using (batch_id)
    where results.docs_key is not null
    union all
    select written.object_key, written.stream, null, written.hour + interval '1 hour', 'compacted',
           case when written.sealed_at is null then 'not sealed' end
    from cali.compactions as written
    union all
    select batches.compacted_key, batches.stream, batches.batch_id, batches.hour + interval '1 hour', 'compacted', null
    from cali.micro_batches as batches
    join cali.compactions as written on written.stream = batches.stream and written.hour = batches.hour
    where batches.compacted_key <> written.object_key
) as named
where not exists (select from cali.purges where purges.object_key = named.object_key);
"""

FIGURES = """
create view cali.shard_lag as
select checkpoints.stream, checkpoints.shard_id, checkpoints.state,
       -- What arrived longer ago is drained, so nothing is later than that. A closed shard is drained to its end.
       case when checkpoints.state = 'open'
            then round(extract(epoch from now() - greatest(checkpoints.last_arrived_at, checkpoints.caught_up_at)), 1)
       end as lag_s,
       checkpoints.last_arrived_at, checkpoints.caught_up_at,
       coalesce(waiting.batches, 0) as waiting_batches, coalesce(waiting.records, 0)::bigint as waiting_records
from cali.shard_checkpoints as checkpoints
left join lateral (
    select count(*) as batches, sum(batches.records) as records
    from cali.micro_batches as batches
    where batches.stream = checkpoints.stream and batches.shard_id = checkpoints.shard_id and batches.generation = 0
      and exists (
          select from cali.batch_stages as stages
          where stages.batch_id = batches.batch_id and stages.state <> 'done'
      )
) as waiting on true
where checkpoints.generation = 0
order by lag_s desc nulls last, stream, shard_id;

create view cali.batch_sizes as
select stream, count(*) as batches,
       percentile_disc(0.5) within group (order by records) as records_p50,
       percentile_disc(0.95) within group (order by records) as records_p95,
       max(records) as records_max,
       percentile_disc(0.5) within group (order by bytes) as bytes_p50,
       percentile_disc(0.95) within group (order by bytes) as bytes_p95,
       max(bytes) as bytes_max
from cali.micro_batches
where generation = 0 and origin_batch_id is null and drained_at > now() - interval '24 hours'
group by stream;

create view cali.stage_durations as
select stream, stage, count(*) as batches,
       round(percentile_cont(0.5) within group (order by seconds)::numeric, 3) as p50_s,
       round(percentile_cont(0.95) within group (order by seconds)::numeric, 3) as p95_s,
       round(max(seconds)::numeric, 3) as max_s
from (
    select batches.stream, steps.place, steps.stage,
           extract(epoch from steps.ended - steps.began)::double precision as seconds
    from cali.micro_batches as batches
    cross join lateral (
        values (1, 'drain', last_arrived_at, drained_at),
               (2, 'validate', drained_at, validated_at),
               (3, 'alert', validated_at, alerted_at),
               (4, 'audit', validated_at, audited_at),
               (5, 'oldest record to verdict', first_arrived_at, audited_at)
    ) as steps (place, stage, began, ended)
    -- A redriven batch is as late as its mending was.
    where batches.generation = 0 and batches.origin_batch_id is null
      and batches.drained_at > now() - interval '24 hours' and steps.ended is not null
) as measured
group by stream, place, stage
order by stream, place;

create view cali.dead_letters_by_reason as
select batches.stream, letters.stage, letters.reason, letters.redrive_state, sum(letters.records)::bigint as records,
       sum(letters.redriven_records)::bigint as redriven, count(*) as batches, max(letters.created_at) as newest_at
from cali.dead_letters as letters
join cali.micro_batches as batches using (batch_id)
where batches.generation = 0
group by 1, 2, 3, 4
order by records desc;

create view cali.gaps as
select stream, shard_id, reason, from_at, to_at, span_s, detected_at, run_id
from cali.stream_gaps
order by detected_at desc;
"""


def upgrade() -> None:
    """Create the compactions and the purges, and the views over them."""
    op.execute(COMPACTION)
    op.execute(PURGES)
    op.execute(OBJECTS)
    op.execute(FIGURES)
