with selected as (
    select letters.*
    from cali.dead_letters as letters
    where letters.redrive_state = 'open' and (%(reason)s::text is null or letters.reason = %(reason)s)
),
source as (
    select batch_id, shard_id, raw_key, drained_at
    from cali.micro_batches as batches
    where stream = %(stream)s and generation = 0 and drained_at < %(started_at)s
      and (%(batch_id)s::text is null or batch_id = %(batch_id)s)
      and (%(arrived_from)s::timestamptz is null or last_arrived_at >= %(arrived_from)s)
      and (%(arrived_before)s::timestamptz is null or first_arrived_at < %(arrived_before)s)
      and (%(after_drained_at)s::timestamptz is null
           or (drained_at, batch_id) > (%(after_drained_at)s::timestamptz, %(after_batch_id)s::text))
      and exists (select from selected where selected.batch_id = batches.batch_id)
    order by drained_at, batch_id
    limit 1
)
select source.batch_id, source.shard_id, source.raw_key, source.drained_at, selected.dlq_key,
       selected.stage, selected.reason, selected.records - selected.redriven_records as records, selected.attempts
from source join selected using (batch_id)
order by selected.stage, selected.reason
