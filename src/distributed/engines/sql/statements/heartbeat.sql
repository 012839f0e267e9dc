with silent as (delete from {schema}.workers where beat_at < {schema}.now_ms() - 86400000 and worker_id <> $1)
insert into {schema}.workers values ($1, $2, {schema}.now_ms())
on conflict (worker_id) do update set report = excluded.report, beat_at = excluded.beat_at
returning beat_at as now
