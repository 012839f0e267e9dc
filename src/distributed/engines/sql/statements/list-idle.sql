-- $1 milliseconds, $2 number of runs to check, $3 and $4 the last run of the previous page.
-- One query per status: each status has its own part of the index, and only the page is read from it.
with now as materialized (select {schema}.now_ms() - $1::bigint as since), page as (
  (
    select run_id, created_at, updated_at, start_at from {schema}.runs
    where status = 'scheduled' and (created_at, run_id) > ($3::bigint, $4::text collate "C")
      and created_at <= (select since from now)
    order by created_at, run_id limit $2::integer
  ) union all (
    select run_id, created_at, updated_at, start_at from {schema}.runs
    where status = 'running' and (created_at, run_id) > ($3::bigint, $4::text collate "C")
      and created_at <= (select since from now)
    order by created_at, run_id limit $2::integer
  ) union all (
    select run_id, created_at, updated_at, start_at from {schema}.runs
    where status = 'awaiting' and (created_at, run_id) > ($3::bigint, $4::text collate "C")
      and created_at <= (select since from now)
    order by created_at, run_id limit $2::integer
  ) union all (
    select run_id, created_at, updated_at, start_at from {schema}.runs
    where status = 'paused' and (created_at, run_id) > ($3::bigint, $4::text collate "C")
      and created_at <= (select since from now)
    order by created_at, run_id limit $2::integer
  )
)
select run_id as id, created_at, greatest(updated_at, start_at) <= (select since from now) as is_idle
from page order by created_at, run_id limit $2::integer
