select * from cali.alert_transitions where group_id = %(group_id)s order by id
