-- $1 milliseconds, $2 how many are looked at, $3 and $4 the last of the page before.
-- Each status has its own place in the index, of which no more is read than the page.
select run_id as id, created_at, greatest(updated_at, start_at) <= now.at - $1::bigint as is_idle
from (select {schema}.now_ms() as at offset 0) now
cross join lateral (
  select page.* from unnest(array['scheduled', 'running', 'awaiting', 'paused']) as active (status)
  cross join lateral (
    select run_id, created_at, updated_at, start_at from {schema}.runs
    where status = active.status and (created_at, run_id) > ($3::bigint, $4::text collate "C")
      and created_at <= now.at - $1::bigint
    order by created_at, run_id limit $2::integer
  ) page
  order by created_at, run_id limit $2::integer
) run
order by created_at, run_id
