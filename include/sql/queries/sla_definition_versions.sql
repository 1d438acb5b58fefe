select definition_id, version, pipeline_name, sla_type, deadline_minutes, valid_from, valid_to, enabled, time_zone,
       grace_minutes
from cali.sla_definition_versions
order by definition_id, version
