select * from cali.alert_groups where id = %(id)s for update
