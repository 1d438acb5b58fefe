delete from cali.purges
where object_key in (
    select purged.object_key
    from cali.purges as purged
    where purged.deleted_at < %(before)s
      and not exists (select from cali.micro_batches as batches where batches.batch_id = purged.batch_id)
      and not exists (select from cali.compactions as written where written.object_key = purged.object_key)
    limit %(limit)s
)
