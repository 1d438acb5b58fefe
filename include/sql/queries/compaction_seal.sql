update cali.compactions as written
set sealed_at = %(now)s
where stream = %(stream)s and hour = %(hour)s and sealed_at is null
  and not exists (
      select from cali.clean_batches as batches
      where batches.stream = written.stream and batches.hour = written.hour and batches.compacted_key is null
  )
