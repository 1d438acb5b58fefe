delete from cali.alert_batches
where (batch_id, category) in (
    select batch_id, category
    from cali.alert_batches as applied
    where applied_at < %(before)s
      and not exists (select from cali.micro_batches as batches where batches.batch_id = applied.batch_id)
    limit %(limit)s
)
