with live as (
    select batch_id, stream, shard_id,
           first_sequence_number, first_sub_sequence, last_sequence_number, last_sub_sequence,
           records, bytes, sha256, first_arrived_at, last_arrived_at, raw_key, staged_key, dlq_key, clean_key,
           state, valid, dead_lettered, alertable, filtered, origin_batch_id
    from cali.micro_batches
    where stream = %(stream)s and generation = 0 and shard_id = %(shard_id)s
)
(
    select * from live
    where first_arrived_at < %(from_at)s and origin_batch_id is null
    order by first_arrived_at desc, first_sequence_number::numeric desc
    limit 1
)
union all
select * from live
where first_arrived_at >= %(from_at)s and first_arrived_at < %(to_at)s
union all
(
    select * from live
    where first_arrived_at >= %(to_at)s and origin_batch_id is null
    order by first_arrived_at, first_sequence_number::numeric
    limit 1
)
