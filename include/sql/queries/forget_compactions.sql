delete from cali.compactions
where object_key in (
    select written.object_key
    from cali.compactions as written
    join cali.purges using (object_key)
    where purges.deleted_at < %(before)s
      and not exists (
          select from cali.micro_batches as batches
          where batches.stream = written.stream and batches.hour = written.hour
      )
    limit %(limit)s
)
