insert into cali.alert_batches (batch_id, category, applied_at)
values (%(batch_id)s, %(category)s, %(now)s)
on conflict do nothing
