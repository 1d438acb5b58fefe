insert into cali.alert_inhibitions (
    source_stream, source_service, source_level, source_fingerprint, source_title, target_stream, target_service,
    target_level, target_fingerprint, target_title, who, why, created_at
)
values (
    %(source_stream)s, %(source_service)s, %(source_level)s, %(source_fingerprint)s, %(source_title)s,
    %(target_stream)s, %(target_service)s, %(target_level)s, %(target_fingerprint)s, %(target_title)s, %(who)s, %(why)s,
    %(now)s
)
returning id
