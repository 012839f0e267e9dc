-- $1 run, $2 crash. The crash then counts for no item: the empty text is not a valid item.
insert into {schema}.crashes select run_id, $2, '' from {schema}.runs where run_id = $1 and status <> 'completed' for key share
on conflict (run_id, crash) do update set item = excluded.item
