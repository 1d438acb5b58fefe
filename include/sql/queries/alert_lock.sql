select pg_advisory_xact_lock(hashtextextended('cali.alert_groups', 0))
