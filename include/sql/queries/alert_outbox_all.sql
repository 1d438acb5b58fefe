select * from cali.alert_outbox order by id
