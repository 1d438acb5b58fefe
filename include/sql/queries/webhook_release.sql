update cali.webhook_outbox
set state = 'pending', next_attempt_at = %(retry_at)s, last_error = %(error)s
where id = %(id)s and state = 'sending' and attempts = %(attempts)s
