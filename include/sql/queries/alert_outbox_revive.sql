update cali.alert_outbox
set state = 'pending', next_attempt_at = %(now)s
where state = 'parked' and (%(channel)s::text is null or channel = %(channel)s)
