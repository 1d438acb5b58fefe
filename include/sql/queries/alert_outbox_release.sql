update cali.alert_outbox
set state = %(state)s, next_attempt_at = %(retry_at)s, lease_until = null, last_error = %(error)s,
    unresolved_since = %(unresolved_since)s
where id = %(id)s and state = 'sending' and attempts = %(attempts)s
