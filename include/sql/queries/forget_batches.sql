delete from cali.micro_batches
where batch_id in (
    select batches.batch_id
    from cali.micro_batches as batches
    where batches.drained_at < %(before)s
      and not exists (
          select from cali.batch_stages as stages
          where stages.batch_id = batches.batch_id and stages.state <> 'done'
      )
      and not exists (select from cali.micro_batches as redriven where redriven.origin_batch_id = batches.batch_id)
      and not exists (select from cali.batch_objects as objects where objects.batch_id = batches.batch_id)
      and not exists (
          select from cali.purges where purges.batch_id = batches.batch_id and purges.deleted_at is null
      )
    order by batches.drained_at
    limit %(limit)s
)
