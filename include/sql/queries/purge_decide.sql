with due as (
    select object_key, room, stream, batch_id
    from cali.batch_objects
    where stream = %(stream)s and room = %(room)s and created_at < %(before)s and held_back is null
    order by created_at
    limit %(limit)s
),
decided as (
    insert into cali.purges (object_key, room, stream, batch_id, reason, decided_at)
    select object_key, room, stream, batch_id, 'retention', %(now)s from due
    on conflict (object_key) do nothing
    returning object_key, room, batch_id
),
-- Dead letters without their bytes cannot be redriven any more.
given_up as (
    update cali.dead_letters
    set redrive_state = 'discarded'
    where redrive_state = 'open' and batch_id in (select batch_id from decided where room = 'dlq')
)
select object_key from decided
