insert into cali.quality_results (
    batch_id, suite, suite_version, success, evaluated, successful, report, docs_key, started_at, duration_s
) values (
    %(batch_id)s, %(suite)s, %(suite_version)s, %(success)s, %(evaluated)s, %(successful)s,
    %(report)s, %(docs_key)s, %(started_at)s, %(duration_s)s
)
