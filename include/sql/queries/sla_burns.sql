select definition_id, started_at, pipeline_name, sla_type, slack_channel, severity, long_minutes,
       long_rate::double precision, short_rate::double precision, windows, bad, ended_at, outcome
from cali.sla_burns
order by started_at, definition_id
