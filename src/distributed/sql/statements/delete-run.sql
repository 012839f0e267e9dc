with run as (delete from {schema}.runs where run_id = $1),
  snapshot as (delete from {schema}.snapshots where run_id = $1),
  slots as (delete from {schema}.slots where run_id = $1),
  crashes as (delete from {schema}.crashes where run_id = $1),
  states as (delete from {schema}.item_states where run_id = $1)
delete from {schema}.entries where run_id = $1
