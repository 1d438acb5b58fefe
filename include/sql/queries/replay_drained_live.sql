select coalesce(sum(records), 0)::bigint as records, min(first_arrived_at) as first_arrived_at,
       max(last_arrived_at) as last_arrived_at
from cali.micro_batches
where stream = %(stream)s and generation = 0 and origin_batch_id is null and shard_id = %(shard_id)s
  -- Sequence numbers have up to 56 digits, and no fixed width.
  and (%(before)s::numeric is null or last_sequence_number::numeric < %(before)s::numeric)
  and (%(from_sequence_number)s::numeric is null or last_sequence_number::numeric >= %(from_sequence_number)s::numeric)
  and (%(from_at)s::timestamptz is null or last_arrived_at >= %(from_at)s)
  and (%(until)s::timestamptz is null or first_arrived_at < %(until)s)
