select min(greatest(
    case when message.state = 'pending' then message.next_attempt_at else message.lease_until end,
    coalesce(pace.next_send_at, '-infinity'),
    case when message.kind in ('update', 'note') then coalesce(pace.next_update_at, '-infinity') else '-infinity' end
))
from cali.alert_outbox as message
left join cali.slack_channels as pace using (channel)
left join cali.alert_groups as told on told.id = message.group_id
where message.state in ('pending', 'sending')
  and (told.held_by is null or (message.kind <> 'open' and told.slack_ts is not null))
  and (%(updates)s or message.kind not in ('update', 'note'))
  and (message.kind not in ('note', 'call') or not exists (
      select from cali.alert_outbox as earlier
      where earlier.group_id = message.group_id and earlier.id < message.id
        and earlier.kind in ('note', 'call') and earlier.state in ('pending', 'sending')
  ))
