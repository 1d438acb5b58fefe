select (
    select min(greatest(last_arrived_at, caught_up_at))
    from cali.shard_checkpoints
    where stream = %(stream)s and generation = 0 and state = 'open'
    having bool_and(greatest(last_arrived_at, caught_up_at) is not null)
) as drained_until, (
    select count(*)
    from cali.micro_batches as batches
    where batches.stream = %(stream)s and batches.generation = 0 and batches.origin_batch_id is null
      and batches.first_arrived_at < %(end)s and batches.last_arrived_at >= %(start)s
      and exists (
          select from cali.batch_stages as stages
          where stages.batch_id = batches.batch_id and stages.state <> 'done'
      )
) as unfinished
