update cali.batch_stages
set state = 'done', done_at = %(now)s, last_error = null
where batch_id = %(batch_id)s and stage = %(stage)s and state = 'claimed' and attempts = %(token)s
