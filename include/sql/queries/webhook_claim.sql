-- The lease stands in next_attempt_at: a sender that is gone is overtaken when it ends.
update cali.webhook_outbox
set state = 'sending', attempts = attempts + 1, next_attempt_at = %(lease_until)s
where id = (
    select id
    from cali.webhook_outbox
    where state in ('pending', 'sending') and next_attempt_at <= %(now)s
    order by next_attempt_at, id
    limit 1
    for update skip locked
)
returning id, event_id, body, attempts, created_at
