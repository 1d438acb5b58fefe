update cali.replays
set missing_records = missing_records + %(missing_records)s,
    missing_from = least(missing_from, %(missing_from)s),
    missing_until = greatest(missing_until, %(missing_until)s)
where stream = %(stream)s and generation = %(generation)s
returning *
