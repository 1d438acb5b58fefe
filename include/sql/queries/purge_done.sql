update cali.purges set deleted_at = %(now)s where object_key = any(%(keys)s)
