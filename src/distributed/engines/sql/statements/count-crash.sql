-- $1 run, $2 item, $3 crash
with counted as (
  insert into {schema}.crashes select $1, $3, $2 where exists (select from {schema}.runs where run_id = $1)
  on conflict (run_id, crash) do nothing returning item
)
select (select count(*) from {schema}.crashes where run_id = $1 and item = $2)
  + (select count(*) from counted where item = $2) as crashes
