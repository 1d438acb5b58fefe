select starts_at, ends_at, reason, announced_by, pipeline_name
from cali.sla_maintenance
order by starts_at, maintenance_id
