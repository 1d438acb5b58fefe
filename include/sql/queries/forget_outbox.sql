delete from cali.alert_outbox
where id in (
    select id from cali.alert_outbox
    where (state = 'sent' and sent_at < %(before)s) or (state = 'withdrawn' and created_at < %(before)s)
    limit %(limit)s
)
