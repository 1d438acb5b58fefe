select stream, hour, object_key, records, kind
from cali.clean_objects
where stream = %(stream)s
order by hour, object_key collate "C"
