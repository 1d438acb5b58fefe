select * from cali.alert_groups where state <> 'resolved' order by id for update
