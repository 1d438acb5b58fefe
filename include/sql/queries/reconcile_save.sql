insert into cali.reconciliations (
    stream, from_at, to_at, run_id, state, batches, records, objects, stream_records, differences,
    report, report_key, started_at, finished_at
) values (
    %(stream)s, %(from_at)s, %(to_at)s, %(run_id)s, %(state)s, %(batches)s, %(records)s, %(objects)s,
    %(stream_records)s, %(differences)s, %(report)s, %(report_key)s, %(started_at)s, %(finished_at)s
)
on conflict (stream, run_id) do update set
    from_at = excluded.from_at,
    to_at = excluded.to_at,
    state = excluded.state,
    batches = excluded.batches,
    records = excluded.records,
    objects = excluded.objects,
    stream_records = excluded.stream_records,
    differences = excluded.differences,
    report = excluded.report,
    report_key = excluded.report_key,
    started_at = excluded.started_at,
    finished_at = excluded.finished_at
