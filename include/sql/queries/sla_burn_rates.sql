select rates.definition_id, rates.pipeline_name, rates.sla_type, definitions.slack_channel, definitions.severity,
       definitions.owner, rates.long_minutes, rates.short_minutes, rates.windows, rates.bad,
       rates.long_rate::double precision, rates.short_rate::double precision, rates.burning, rates.calm
from cali.sla_burn_rates as rates
join cali.sla_definitions as definitions using (definition_id)
where definitions.enabled
order by rates.definition_id, rates.long_minutes
