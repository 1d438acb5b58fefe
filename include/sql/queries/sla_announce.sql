insert into cali.sla_maintenance (pipeline_name, starts_at, ends_at, reason, announced_by, announced_at)
values (%(pipeline_name)s, %(starts_at)s, %(ends_at)s, %(reason)s, %(announced_by)s, %(now)s)
