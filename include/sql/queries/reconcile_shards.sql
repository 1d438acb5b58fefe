select shard_id, count(*)
from cali.micro_batches
where stream = %(stream)s and generation = 0 and first_arrived_at >= %(from_at)s and first_arrived_at < %(to_at)s
group by shard_id
order by shard_id
