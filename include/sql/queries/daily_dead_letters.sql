select batches.stream, letters.stage, letters.reason, sum(letters.records)::bigint as records,
       coalesce(sum(letters.redriven_records), 0)::bigint as redriven
from cali.dead_letters as letters
join cali.micro_batches as batches using (batch_id)
where batches.generation = 0 and batches.origin_batch_id is null
  and batches.first_arrived_at >= %(start)s and batches.first_arrived_at < %(end)s
group by 1, 2, 3
order by 4 desc, 1, 2, 3
