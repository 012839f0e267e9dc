-- $1 run, $2 snapshot, $3 the last entry that it contains, $4 the run's incarnation, or null for any
with moved as (
  update {schema}.runs set base = $3::bigint
  where run_id = $1 and base < $3::bigint and seq >= $3::bigint and ($4::bigint is null or incarnation = $4::bigint)
  returning run_id
), snapshot as (
  update {schema}.snapshots set text = $2 where run_id in (select run_id from moved)
)
delete from {schema}.entries where run_id in (select run_id from moved) and seq <= $3::bigint
