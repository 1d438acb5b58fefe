insert into cali.slack_channels as pace (channel, next_send_at)
values (%(channel)s, %(until)s)
on conflict (channel) do update set next_send_at = excluded.next_send_at
where pace.next_send_at <= %(now)s
