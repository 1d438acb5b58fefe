update cali.alert_groups
set slack_channel = %(slack_channel)s, slack_ts = %(slack_ts)s, announced_at = %(now)s,
    announced_count = greatest(announced_count, %(announced_count)s)
where id = %(id)s
returning *
