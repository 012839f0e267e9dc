-- $1 the limit, $2 the length of its window. Removes what has expired under keys that nobody uses any more. Rows that
-- another program is removing are skipped.
with places as (
  delete from {schema}.orchestrator_limit_places where ctid = any (array(
    select ctid from {schema}.orchestrator_limit_places
    where limit_name = $1 and until <= clock_timestamp() limit 10000 for update skip locked
  ))
), pauses as (
  delete from {schema}.orchestrator_limit_pauses where ctid = any (array(
    select ctid from {schema}.orchestrator_limit_pauses
    where limit_name = $1 and until <= clock_timestamp() limit 10000 for update skip locked
  ))
), claims as (
  delete from {schema}.orchestrator_limit_claims where ctid = any (array(
    select ctid from {schema}.orchestrator_limit_claims
    where limit_name = $1 and until <= clock_timestamp() limit 10000 for update skip locked
  ))
)
delete from {schema}.orchestrator_limit_starts where ctid = any (array(
  select ctid from {schema}.orchestrator_limit_starts
  where limit_name = $1 and at <= clock_timestamp() - $2::float8 * interval '1 millisecond'
  limit 10000 for update skip locked
))
