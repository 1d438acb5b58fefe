insert into cali.redrives (run_id, stream, filters, dry_run, state, report, started_at)
values (%(run_id)s, %(stream)s, %(filters)s, %(dry_run)s, 'running', %(report)s, %(now)s)
-- A run that was done and is asked for again begins anew.
on conflict (run_id) do update
set stream = excluded.stream, filters = excluded.filters, dry_run = excluded.dry_run, state = 'running',
    token = redrives.token + 1, after_drained_at = null, after_batch_id = null,
    considered = 0, fixed = 0, still_bad = 0, skipped = 0, report = excluded.report,
    started_at = excluded.started_at, finished_at = null
returning *
