insert into cali.alert_silences (stream, service, level, fingerprint, title, until, who, why, created_at)
values (%(stream)s, %(service)s, %(level)s, %(fingerprint)s, %(title)s, %(until)s, %(who)s, %(why)s, %(now)s)
returning id
