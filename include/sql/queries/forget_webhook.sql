delete from cali.webhook_outbox
where id in (select id from cali.webhook_outbox where created_at < %(before)s limit %(limit)s)
