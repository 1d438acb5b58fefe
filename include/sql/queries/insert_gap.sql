insert into cali.stream_gaps (
    gap_id, stream, shard_id, reason, from_sequence_number, from_at, to_at, span_s, run_id, detected_at
) values (
    %(gap_id)s, %(stream)s, %(shard_id)s, %(reason)s, %(from_sequence_number)s, %(from_at)s, %(to_at)s, %(span_s)s,
    %(run_id)s, %(now)s
)
on conflict do nothing
