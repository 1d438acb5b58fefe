select held_back, count(*)
from cali.batch_objects
where stream = %(stream)s and room = %(room)s and created_at < %(before)s and held_back is not null
group by held_back
