select time_zone from cali.sla_definitions where pipeline_name = %(pipeline)s and sla_type = 'daily'
