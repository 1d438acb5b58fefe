insert into cali.dead_letters (batch_id, stage, reason, records, dlq_key, sample, created_at)
values (%(batch_id)s, %(stage)s, %(reason)s, %(records)s, %(dlq_key)s, %(sample)s, %(now)s)
