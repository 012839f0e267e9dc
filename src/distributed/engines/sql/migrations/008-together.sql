-- Commits that go together: an entry with `withPrevious` is refused unless the call has added the entry before it. Programs of
-- earlier versions send no such entries.
--
-- p_incarnation: null for whichever there is
-- p_commits: an array of { text, during, slot, number, onlyIfNext, withPrevious, becomes, becomesIfNext }
-- Returns null for an unknown run, otherwise { verdicts, status, now, seq, entries, changed }. A verdict is the number of the
-- entry, 0 for a duplicate, -1 for a refused entry; entries is null if they are no longer stored.
create or replace function {schema}.commit_run(p_run_id text, p_incarnation bigint, p_known bigint, p_commits jsonb) returns jsonb
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
  v_is_next boolean;
  v_fits boolean;
  v_was_added boolean := false;
  v_was_next boolean := false;
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
    v_is_next := v_seq = p_known;
    v_fits := not coalesce((v_commit->>'onlyIfNext')::boolean, false) or v_is_next;
    if (v_commit->>'withPrevious')::boolean then
      v_is_next := v_was_next;
      v_fits := v_was_added;
    end if;
    v_was_added := false;
    v_was_next := false;
    if v_commit->>'slot' is not null then
      select number into v_last from {schema}.slots where run_id = p_run_id and slot = v_commit->>'slot';
    end if;
    if v_last >= (v_commit->>'number')::bigint then
      v_verdicts := v_verdicts || '0'::jsonb;
    elsif not (v_commit->'during' ? v_run.status) or not v_fits then
      v_verdicts := v_verdicts || '-1'::jsonb;
    else
      if v_commit->>'slot' is not null then
        insert into {schema}.slots values (p_run_id, v_commit->>'slot', (v_commit->>'number')::bigint)
          on conflict (run_id, slot) do update set number = excluded.number;
      end if;
      v_change := v_commit->'becomes';
      if v_is_next and jsonb_typeof(v_commit->'becomesIfNext') = 'object' then
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
      v_was_added := true;
      v_was_next := v_is_next;
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
