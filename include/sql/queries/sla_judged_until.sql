select window_end from cali.sla_verdicts where definition_id = %(definition_id)s order by window_start desc limit 1
