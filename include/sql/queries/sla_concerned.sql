select owner, slack_channel as channel, severity
from cali.sla_definitions
where pipeline_name = %(pipeline_name)s
order by enabled desc, deadline_minutes
limit 1
