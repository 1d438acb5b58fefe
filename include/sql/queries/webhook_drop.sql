update cali.webhook_outbox
set state = 'given_up', ended_at = %(now)s, last_error = 'no receiver is set'
where state in ('pending', 'sending') and next_attempt_at <= %(now)s
