insert into cali.completion_log_horizon (known_since) values (%(now)s) on conflict do nothing
