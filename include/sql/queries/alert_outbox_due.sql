select message.*
from cali.alert_outbox as message
left join cali.slack_channels as pace using (channel)
left join cali.alert_groups as told on told.id = message.group_id
where (
    (message.state = 'pending' and message.next_attempt_at <= %(now)s)
    or (message.state = 'sending' and message.lease_until <= %(now)s)
)
and (pace.next_send_at is null or pace.next_send_at <= %(now)s)
and (message.kind not in ('update', 'note') or pace.next_update_at is null or pace.next_update_at <= %(now)s)
-- What is held back is not told; a message that is there already may be edited, and its thread goes on.
and (told.held_by is null or (message.kind <> 'open' and told.slack_ts is not null))
-- A thread's replies come in their order: one waits for those before it.
and (message.kind not in ('note', 'call') or not exists (
    select from cali.alert_outbox as earlier
    where earlier.group_id = message.group_id and earlier.id < message.id
      and earlier.kind in ('note', 'call') and earlier.state in ('pending', 'sending')
))
order by message.kind in ('update', 'note'), message.severity_rank, message.created_at, message.id
limit 1
for update of message skip locked
