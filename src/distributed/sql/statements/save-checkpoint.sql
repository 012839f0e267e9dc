insert into {schema}.checkpoints values ($1, $2) on conflict (run_id) do update set snapshot = excluded.snapshot
