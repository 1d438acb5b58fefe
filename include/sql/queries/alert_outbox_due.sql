select message.*
from cali.alert_outbox as message
left join cali.slack_channels as pace using (channel)
where (
    (message.state = 'pending' and message.next_attempt_at <= %(now)s)
    or (message.state = 'sending' and message.lease_until <= %(now)s)
)
and (pace.next_send_at is null or pace.next_send_at <= %(now)s)
and (message.kind not in ('update', 'note') or pace.next_update_at is null or pace.next_update_at <= %(now)s)
-- A thread's replies come in their order: one waits for those before it.
and (message.kind not in ('note', 'call') or not exists (
    select from cali.alert_outbox as earlier
    where earlier.group_id = message.group_id and earlier.id < message.id
      and earlier.kind in ('note', 'call') and earlier.state in ('pending', 'sending')
))
order by message.kind in ('update', 'note'), message.severity_rank, message.created_at, message.id
limit 1
for update of message skip locked
