select * from cali.alert_groups order by id
