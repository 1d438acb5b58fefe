-- An object that went as an orphan went wrongly when the ledger names it.
select object_key, coalesce(deleted_at, decided_at)
from cali.purges
where object_key = any(%(keys)s) and reason = 'retention'
