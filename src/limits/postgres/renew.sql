-- $1 the limits, $2 their keys, $3 the ids, $4 the lease. Extends the lease of places. A place whose lease has ended is
-- taken again, because its attempt still runs. Places are renewed in order, so that no two programs deadlock.
insert into {schema}.orchestrator_limit_places (limit_name, key, id, until)
select place.*, clock_timestamp() + $4::float8 * interval '1 millisecond'
from unnest($1::text[], $2::text[], $3::text[]) as place order by 1, 2, 3
on conflict (limit_name, key, id) do update set until = excluded.until
