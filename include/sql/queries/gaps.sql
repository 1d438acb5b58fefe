select stream, shard_id, reason, from_sequence_number, from_at, to_at
from cali.stream_gaps
where stream = %(stream)s
order by detected_at, gap_id
