-- $1 an array of { runId, item, state }
insert into {schema}.item_states
select value->>'runId', value->>'item', value->>'state' from jsonb_array_elements($1::jsonb)
where exists (select from {schema}.runs where run_id = value->>'runId')
on conflict (run_id, item) do update set state = excluded.state
