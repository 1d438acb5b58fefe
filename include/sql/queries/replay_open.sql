insert into cali.replays (
    stream, generation, requested_by, shard_id, from_at, from_sequence_number, until, alerts,
    missing_records, missing_from, missing_until, started_at
)
select %(stream)s, coalesce(max(generation), 0) + 1, %(run_id)s, %(shard_id)s, %(from_at)s, %(from_sequence_number)s,
       %(until)s, %(alerts)s, %(missing_records)s, %(missing_from)s, %(missing_until)s, %(now)s
from cali.replays
where stream = %(stream)s
returning *
