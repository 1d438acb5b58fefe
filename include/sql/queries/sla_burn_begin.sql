insert into cali.sla_burns (
    definition_id, started_at, pipeline_name, sla_type, slack_channel, severity, long_minutes, long_rate, short_rate,
    windows, bad
)
values (
    %(definition_id)s, %(started_at)s, %(pipeline_name)s, %(sla_type)s, %(slack_channel)s, %(severity)s,
    %(long_minutes)s, %(long_rate)s, %(short_rate)s, %(windows)s, %(bad)s
)
on conflict do nothing
