-- Which of the runs that had one id over time. Programs of version 0.7 that are still open go on: what they send names no
-- incarnation, and counts for whichever run is there.

alter table {schema}.runs add column incarnation bigint;

-- Like before, with an incarnation; runs that versions up to 0.7 begin have none.
--
-- p_calls: an array of { record, delay, timeout, snapshot }; gives for each call { existed, now, record }.
create or replace function {schema}.begin_runs(p_calls jsonb) returns jsonb
language plpgsql as $$
declare
  v_call record;
  v_record jsonb;
  v_run {schema}.runs%rowtype;
  v_now bigint;
  v_answers jsonb := '{}';
  v_begun boolean;
begin
  for v_call in
    select ordinality as at, value from jsonb_array_elements(p_calls) with ordinality
      order by (value->'record'->>'runId') collate "C", ordinality
  loop
    v_record := v_call.value->'record';
    v_now := {schema}.now_ms();
    insert into {schema}.runs
      (run_id, workflow, version, status, priority, created_at, start_at, updated_at, deadline, retention,
        incarnation)
      values (v_record->>'runId', v_record->>'workflow', v_record->>'version', v_record->>'status',
        (v_record->>'priority')::integer, v_now, v_now + (v_call.value->>'delay')::bigint, v_now,
        v_now + (v_call.value->>'delay')::bigint + (v_call.value->>'timeout')::bigint, (v_record->>'retention')::bigint,
        (v_record->>'incarnation')::bigint)
      on conflict (run_id) do nothing;
    v_begun := found;
    if v_begun then insert into {schema}.snapshots values (v_record->>'runId', v_call.value->>'snapshot'); end if;
    select * into v_run from {schema}.runs where run_id = v_record->>'runId';
    v_answers := v_answers || jsonb_build_object(v_call.at::text,
      jsonb_build_object('existed', not v_begun, 'now', v_now, 'record', to_jsonb(v_run)));
  end loop;
  return (select jsonb_agg(v_answers->at::text order by at) from generate_series(1, jsonb_array_length(p_calls)) at);
end
$$;

-- Like before, for one incarnation: a run of another is unknown. Whatever a run ends as, nothing of it is under way any more.
-- The function before stays: a program of version 0.7 may be in the middle of a call.
--
-- p_incarnation: null for whichever there is
-- p_commits: an array of { text, during, slot, number, onlyIfNext, becomes, becomesIfNext }
-- Gives nothing for a run that is unknown, else { verdicts, status, now, seq, entries, changed }; verdicts are the number
-- of the entry, 0 for a duplicate, -1 for one that was refused; entries is null where they are not kept.
create function {schema}.commit_run(p_run_id text, p_incarnation bigint, p_known bigint, p_commits jsonb) returns jsonb
language plpgsql as $$
declare
  v_run {schema}.runs%rowtype;
  v_commit jsonb;
  v_change jsonb;
  v_verdicts jsonb := '[]';
  v_entries jsonb := '[]';
  v_now bigint;
  v_before text;
  v_seq bigint;
  v_last bigint;
  v_told boolean := false;
begin
  select * into v_run from {schema}.runs where run_id = p_run_id for update;
  if not found or (p_incarnation is not null and v_run.incarnation is distinct from p_incarnation) then return null; end if;
  v_now := {schema}.now_ms();
  v_before := v_run.status;
  v_seq := v_run.seq;
  if p_known < v_run.base then
    return jsonb_build_object('verdicts', v_verdicts, 'status', v_run.status, 'now', v_now, 'seq', v_seq, 'entries', null,
      'changed', false);
  end if;
  if v_seq > p_known then
    select jsonb_agg(jsonb_build_array(seq, time, text) order by seq) into v_entries
      from {schema}.entries where run_id = p_run_id and seq > p_known;
  end if;

  for v_commit in select value from jsonb_array_elements(p_commits) loop
    v_last := null;
    if v_commit->>'slot' is not null then
      select number into v_last from {schema}.slots where run_id = p_run_id and slot = v_commit->>'slot';
    end if;
    if v_last >= (v_commit->>'number')::bigint then
      v_verdicts := v_verdicts || '0'::jsonb;
    elsif not (v_commit->'during' ? v_run.status) or ((v_commit->>'onlyIfNext')::boolean and v_seq <> p_known) then
      v_verdicts := v_verdicts || '-1'::jsonb;
    else
      if v_commit->>'slot' is not null then
        insert into {schema}.slots values (p_run_id, v_commit->>'slot', (v_commit->>'number')::bigint)
          on conflict (run_id, slot) do update set number = excluded.number;
      end if;
      v_change := v_commit->'becomes';
      if v_seq = p_known and jsonb_typeof(v_commit->'becomesIfNext') = 'object' then
        v_change := v_commit->'becomesIfNext';
      end if;
      if jsonb_typeof(v_change) = 'object' then
        v_told := true;
        v_run.status := v_change->>'status';
        v_run.output := v_change->>'output';
        v_run.error := v_change->>'error';
      elsif v_run.status = 'scheduled' then
        v_run.status := 'running';
      end if;
      v_seq := v_seq + 1;
      insert into {schema}.entries values (p_run_id, v_seq, v_now, v_commit->>'text');
      v_verdicts := v_verdicts || to_jsonb(v_seq);
    end if;
  end loop;

  if v_told or v_run.status <> v_before then
    if v_before in ('completed', 'failed', 'cancelled', 'stalled') and v_run.status <> v_before then
      v_run.deadline := null;
    end if;
    v_run.finished_at := case when v_run.status in ('completed', 'failed', 'cancelled', 'stalled') then v_now end;
    update {schema}.runs
      set seq = v_seq, updated_at = v_now, status = v_run.status, output = v_run.output, error = v_run.error,
        finished_at = v_run.finished_at, deadline = v_run.deadline
      where run_id = p_run_id;
    if v_run.finished_at is not null then delete from {schema}.item_states where run_id = p_run_id; end if;
    if v_run.status = 'completed' then
      delete from {schema}.slots where run_id = p_run_id;
      delete from {schema}.crashes where run_id = p_run_id;
    end if;
    if v_run.status <> v_before then
      perform pg_notify('{channel}', jsonb_build_object('runId', p_run_id, 'status', v_run.status)::text);
    end if;
  elsif v_seq > v_run.seq then
    update {schema}.runs set seq = v_seq, updated_at = v_now where run_id = p_run_id;
  end if;
  return jsonb_build_object('verdicts', v_verdicts, 'status', v_run.status, 'now', v_now, 'seq', v_seq,
    'entries', v_entries, 'changed', v_run.status <> v_before);
end
$$;

-- Like before; each call may name the incarnation of its run.
--
-- p_calls: an array of { runId, known, commits, incarnation }
create or replace function {schema}.commit_runs(p_calls jsonb) returns jsonb
language plpgsql as $$
declare
  v_call record;
  v_answer jsonb;
  v_answers jsonb := '{}';
begin
  for v_call in
    select ordinality as at, value->>'runId' as run_id, (value->>'known')::bigint as known, value->'commits' as commits,
      (value->>'incarnation')::bigint as incarnation
      from jsonb_array_elements(p_calls) with ordinality order by (value->>'runId') collate "C", ordinality
  loop
    v_answer := null;
    if (select sum(octet_length(text)) from {schema}.entries where run_id = v_call.run_id and seq > v_call.known) > 8388608 then
      select jsonb_build_object('verdicts', jsonb_build_array(), 'status', status, 'now', {schema}.now_ms(), 'seq', seq,
        'entries', null, 'changed', false) into v_answer from {schema}.runs
        where run_id = v_call.run_id and (v_call.incarnation is null or incarnation = v_call.incarnation);
    end if;
    v_answer := coalesce(v_answer,
      {schema}.commit_run(v_call.run_id, v_call.incarnation, v_call.known, v_call.commits));
    v_answers := v_answers || jsonb_build_object(v_call.at::text, v_answer);
  end loop;
  return (select jsonb_agg(v_answers->at::text order by at) from generate_series(1, jsonb_array_length(p_calls)) at);
end
$$;
