-- $1 run, $2 crash. It counts for no item from now on: an item has at least one character.
insert into {schema}.crashes select run_id, $2, '' from {schema}.runs where run_id = $1 and status <> 'completed' for key share
on conflict (run_id, crash) do update set item = excluded.item
