-- $1: the run, $2: its incarnation, or null for any. Another run under the id is not touched.
with other as (select from {schema}.runs where run_id = $1 and $2::bigint is not null and incarnation is distinct from $2::bigint),
  run as (delete from {schema}.runs where run_id = $1 and not exists (select from other)),
  snapshot as (delete from {schema}.snapshots where run_id = $1 and not exists (select from other)),
  slots as (delete from {schema}.slots where run_id = $1 and not exists (select from other)),
  crashes as (delete from {schema}.crashes where run_id = $1 and not exists (select from other)),
  states as (delete from {schema}.item_states where run_id = $1 and not exists (select from other))
delete from {schema}.entries where run_id = $1 and not exists (select from other)
