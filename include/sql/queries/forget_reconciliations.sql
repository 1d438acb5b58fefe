delete from cali.reconciliations
where id in (select id from cali.reconciliations where finished_at < %(before)s order by id limit %(limit)s)
