delete from cali.alert_groups
where id in (
    select told.id
    from cali.alert_groups as told
    where told.state = 'resolved' and told.closed_at < %(before)s
      and not exists (
          select from cali.alert_outbox as outbox where outbox.group_id = told.id and outbox.state not in ('sent', 'withdrawn')
      )
    limit %(limit)s
)
