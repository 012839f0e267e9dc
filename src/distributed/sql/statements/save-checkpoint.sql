with kept as (delete from {schema}.checkpoint_entries where run_id = $1)
insert into {schema}.checkpoints values ($1, $2) on conflict (run_id) do update set snapshot = excluded.snapshot
