with listed as (
    select *
    from unnest(%(keys)s::text[], %(batch_ids)s::text[], %(shard_ids)s::text[], %(last_sequence_numbers)s::text[])
        as listed (object_key, batch_id, shard_id, last_sequence_number)
)
insert into cali.purges as known (object_key, room, stream, batch_id, reason, decided_at)
select listed.object_key, %(room)s, %(stream)s, listed.batch_id, 'orphan', %(now)s
from listed
where not exists (select from cali.micro_batches as batches where batches.raw_key = listed.object_key)
  and not exists (
      select from cali.micro_batches as batches
      where batches.batch_id = listed.batch_id
        and (
            listed.object_key in (batches.staged_key, batches.dlq_key, batches.clean_key)
            -- A stage that is not done may have written the object and not yet named it.
            or exists (
                select from cali.batch_stages as stages
                where stages.batch_id = batches.batch_id and stages.state <> 'done'
            )
        )
  )
  -- A drain that read up to here can still commit, unless the shard's checkpoint has passed the object.
  and (
      listed.shard_id is null
      or exists (
          select from cali.shard_checkpoints as checkpoints
          where checkpoints.stream = %(stream)s and checkpoints.generation = 0
            and checkpoints.shard_id = listed.shard_id
            and checkpoints.sequence_number::numeric >= listed.last_sequence_number::numeric
      )
  )
on conflict (object_key) do update set reason = 'orphan', decided_at = excluded.decided_at, deleted_at = null
returning object_key
