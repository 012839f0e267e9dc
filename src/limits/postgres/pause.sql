-- $1 the limit, $2 the key, $3 milliseconds. Pauses a limit. A longer pause stays in force.
insert into {schema}.orchestrator_limit_pauses as pause (limit_name, key, until)
values ($1, $2, clock_timestamp() + $3::float8 * interval '1 millisecond')
on conflict (limit_name, key) do update set until = greatest(pause.until, excluded.until)
