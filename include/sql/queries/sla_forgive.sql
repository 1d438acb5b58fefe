delete from cali.sla_violations where definition_id = %(definition_id)s and window_start = %(start)s
