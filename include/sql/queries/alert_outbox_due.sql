select message.*
from cali.alert_outbox as message
left join cali.slack_channels as pace using (channel)
where (
    (message.state = 'pending' and message.next_attempt_at <= %(now)s)
    or (message.state = 'sending' and message.lease_until <= %(now)s)
)
and (pace.next_send_at is null or pace.next_send_at <= %(now)s)
and (message.kind <> 'update' or pace.next_update_at is null or pace.next_update_at <= %(now)s)
order by message.kind = 'update', message.severity_rank, message.created_at, message.id
limit 1
for update of message skip locked
