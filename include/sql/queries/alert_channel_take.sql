insert into cali.slack_channels as pace (channel, next_send_at, next_update_at)
values (%(channel)s, %(until)s, %(no_update_until)s)
on conflict (channel) do update
set next_send_at = excluded.next_send_at, next_update_at = excluded.next_update_at
where pace.next_send_at <= %(now)s
