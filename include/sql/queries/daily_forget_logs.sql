delete from cali.daily_log_summary
where day = %(day)s and (service, level) not in (
    select * from unnest(%(services)s::text[], %(levels)s::text[])
)
