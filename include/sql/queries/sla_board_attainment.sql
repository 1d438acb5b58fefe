select definition_id, days, windows, on_time, late, missed, excused, unknown,
       percent_on_time::double precision, minutes_late::double precision, budget_left_percent::double precision
from cali.sla_attainment
order by definition_id, days
