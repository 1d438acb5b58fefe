select
    coalesce((
        select jsonb_agg(to_jsonb(lasting) order by lasting.id)
        from cali.alert_silences as lasting where lasting.until > %(now)s
    ), '[]') as silences,
    coalesce((
        select jsonb_agg(to_jsonb(rule) order by rule.id) from cali.alert_inhibitions as rule where rule.enabled
    ), '[]') as inhibitions,
    coalesce((
        select jsonb_agg(jsonb_build_object(
            'stream', stream, 'fingerprint', fingerprint, 'severity', severity, 'service', service,
            'services', services, 'title', title, 'held_by', case when held_by not like 'storm:%%' then held_by end
        ) order by id)
        from cali.alert_groups
        where state <> 'resolved' and category not in ('silence', 'storm')
          and exists (select from cali.alert_inhibitions where enabled)
    ), '[]') as open_groups,
    coalesce((
        select jsonb_object_agg(channel, opened)
        from (
            select channel, count(*) as opened from cali.alert_groups
            where opened_at > %(storm_since)s and category not in ('silence', 'storm')
              and (held_by is null or held_by like 'storm:%%')
            group by channel
        ) as of_channels
    ), '{}') as openings
