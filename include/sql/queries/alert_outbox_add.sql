insert into cali.alert_outbox as waiting (
    group_id, kind, channel, severity_rank, dedup_key, message_key, payload, cause_shard_id, cause_sequence_number,
    cause_sub_sequence, cause_arrived_at, next_attempt_at, created_at
)
values (
    %(group_id)s, %(kind)s, %(channel)s, %(severity_rank)s, %(dedup_key)s, %(message_key)s, %(payload)s,
    %(cause_shard_id)s, %(cause_sequence_number)s, %(cause_sub_sequence)s, %(cause_arrived_at)s, %(due_at)s, %(now)s
)
-- What waits for its time may be wanted sooner; what was tried waits for its back-off.
on conflict (dedup_key) where state not in ('sent', 'withdrawn') do update set next_attempt_at = excluded.next_attempt_at
where waiting.state = 'pending' and waiting.attempts = 0 and excluded.next_attempt_at < waiting.next_attempt_at
returning kind
