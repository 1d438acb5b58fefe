select letters.reason, sum(letters.records - letters.redriven_records)::bigint as records
from cali.dead_letters as letters
join cali.micro_batches as batches using (batch_id)
where batches.stream = %(stream)s and batches.generation = 0 and letters.redrive_state = 'open'
group by letters.reason
order by letters.reason
