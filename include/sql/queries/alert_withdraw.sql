update cali.alert_outbox set state = 'withdrawn', last_error = 'resolved before anybody had to be told'
where group_id = any(%(groups)s) and kind = 'open' and state in ('pending', 'parked')
