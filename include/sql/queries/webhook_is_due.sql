select exists (
    select from cali.webhook_outbox where state in ('pending', 'sending') and next_attempt_at <= %(now)s
)
