update cali.webhook_outbox
set state = %(state)s, ended_at = %(now)s, last_error = %(error)s
where id = %(id)s and state = 'sending' and attempts = %(attempts)s
