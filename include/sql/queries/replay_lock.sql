select pg_advisory_xact_lock(hashtextextended('cali.replays/' || %(stream)s, 0))
