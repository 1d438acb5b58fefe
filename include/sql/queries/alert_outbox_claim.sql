update cali.alert_outbox
set state = 'sending',
    attempts = attempts + 1,
    lease_until = %(lease_until)s,
    unresolved_since = coalesce(unresolved_since, %(now)s)
where id = %(id)s
