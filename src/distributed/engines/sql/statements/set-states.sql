-- $1 an array of { runId, item, state }. A state set while its run ends or is removed waits for that, and is dropped.
with given as (select value->>'runId' as run_id, value->>'item' as item, value->>'state' as state from jsonb_array_elements($1::jsonb)),
  under_way as (
    select run_id from {schema}.runs where run_id in (select run_id from given) and status in ('scheduled', 'running', 'awaiting', 'paused')
    order by run_id for key share
  )
insert into {schema}.item_states
select run_id, item, state from given where run_id in (select run_id from under_way)
on conflict (run_id, item) do update set state = excluded.state
