update cali.alert_groups
set state = 'closed', closed_at = %(now)s
where state = 'open' and updated_at <= %(quiet_since)s
