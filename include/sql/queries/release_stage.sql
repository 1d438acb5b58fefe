update cali.batch_stages
set state = 'pending', next_attempt_at = %(retry_at)s, last_error = %(error)s
where batch_id = %(batch_id)s and stage = %(stage)s and state = 'claimed' and attempts = %(token)s
