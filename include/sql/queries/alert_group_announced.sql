update cali.alert_groups
set slack_channel = %(slack_channel)s, slack_ts = %(slack_ts)s, announced_at = %(now)s,
    announced_count = greatest(announced_count, %(announced_count)s),
    announced_looks = coalesce(%(announced_looks)s, announced_looks)
where id = %(id)s
returning *
