select cali.transactions_day(day) from unnest(%(days)s::date[]) as day
