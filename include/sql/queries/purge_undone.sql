select object_key from cali.purges where stream = %(stream)s and deleted_at is null
