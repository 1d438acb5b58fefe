insert into cali.webhook_outbox (event_id, body, next_attempt_at, created_at)
values (%(event_id)s, %(body)s, %(now)s, %(now)s)
on conflict do nothing
