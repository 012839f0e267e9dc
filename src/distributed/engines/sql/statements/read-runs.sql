-- $1 an array of { runId, after, bytes }. Returns a row for each call; its record is null if the run is unknown.
-- The snapshot, which grows with the run, has a column of its own: a JSON value is limited to 256 MB.
select to_jsonb(run) as record, {schema}.now_ms() as now,
  case when call.after < run.base then (select text from {schema}.snapshots where run_id = run.run_id) end as snapshot,
  (select coalesce(jsonb_agg(jsonb_build_array(seq, time, text) order by seq), '[]') from (
    select seq, time, text, sum(octet_length(text)) over (order by seq) - octet_length(text) as before from (
      select seq, time, text from {schema}.entries
      where run_id = run.run_id and seq > greatest(call.after, run.base) and seq <= run.seq
      order by seq limit 10000
    ) first
  ) page where before < call.bytes) as entries
from jsonb_array_elements($1::jsonb) with ordinality as given (value, at)
cross join lateral (
  select given.value->>'runId' as run_id, (given.value->>'after')::bigint as after, (given.value->>'bytes')::bigint as bytes
) call
left join {schema}.runs run on run.run_id = call.run_id
order by given.at
