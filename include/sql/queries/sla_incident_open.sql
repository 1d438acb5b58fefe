insert into cali.sla_incidents (
    kind, subject, definition_id, name, sla_type, owner, channel, severity, promise, due_at, opened_at, windows, cause,
    url
)
values (
    %(kind)s, %(subject)s, %(definition_id)s, %(name)s, %(sla_type)s, %(owner)s, %(channel)s, %(severity)s,
    %(promise)s, %(due_at)s, %(now)s, %(windows)s, %(cause)s, %(url)s
)
on conflict do nothing
returning *
