update cali.alert_outbox
set state = 'sent', sent_at = %(now)s, lease_until = null, unresolved_since = null, last_error = null,
    accepted_channel = %(accepted_channel)s, accepted_ts = %(accepted_ts)s
where id = %(id)s and state = 'sending' and attempts = %(attempts)s
