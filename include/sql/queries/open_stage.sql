insert into cali.batch_stages (batch_id, stream, stage, next_attempt_at)
values (%(batch_id)s, %(stream)s, %(stage)s, %(now)s)
