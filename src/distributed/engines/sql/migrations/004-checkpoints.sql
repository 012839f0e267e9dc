-- Numbers for the entries of runs in process, and holds on such runs. The new columns have no defaults: a program of an
-- earlier version that is still open is refused when it saves, rather than writing what has no number.

alter table {schema}.checkpoints add column seq bigint;
update {schema}.checkpoints set seq = 0;
alter table {schema}.checkpoints alter column seq set not null;

alter table {schema}.checkpoint_entries add column seq bigint;
update {schema}.checkpoint_entries entry set seq = numbered.seq
  from (select number, row_number() over (partition by run_id order by number) as seq from {schema}.checkpoint_entries) numbered
  where entry.number = numbered.number;
alter table {schema}.checkpoint_entries drop column number;
alter table {schema}.checkpoint_entries add primary key (run_id, seq);

create table {schema}.checkpoint_holds (
  run_id text collate "C" primary key,
  token text not null,
  -- Who holds the run, and where: a process whose end others can see.
  holder text not null,
  place text not null,
  since bigint not null,
  until bigint not null
);

create index checkpoint_holds_by_end on {schema}.checkpoint_holds (until);

-- Serialises all writes to one run until the end of the transaction, also to a run that is not there yet. The statements
-- behind this call see what the transactions before have committed, which only "read committed" gives.
create function {schema}.lock_checkpoint(p_run_id text) returns void language plpgsql as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'runs are saved under the isolation level "read committed", not "%": set default_transaction_isolation',
      current_setting('transaction_isolation');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('{schema}/checkpoints/' || p_run_id, 0));
end
$$;

-- Locks a run and checks the hold on it. Gives nothing if the caller may write, else { problem, holder, since }.
--
-- p_lease: milliseconds for which a hold that has run out goes on, if nobody has taken the run since
create function {schema}.fence_checkpoint(p_run_id text, p_token text, p_lease bigint) returns jsonb
language plpgsql as $$
declare
  v_hold {schema}.checkpoint_holds%rowtype;
  v_now bigint;
begin
  perform {schema}.lock_checkpoint(p_run_id);
  v_now := {schema}.now_ms();
  select * into v_hold from {schema}.checkpoint_holds where run_id = p_run_id;
  if v_hold.token = p_token then
    if v_hold.until <= v_now then
      update {schema}.checkpoint_holds set until = v_now + p_lease where run_id = p_run_id;
    end if;
    return null;
  end if;
  if v_hold.until > v_now then
    return jsonb_build_object('problem', 'locked', 'holder', v_hold.holder, 'since', v_hold.since);
  end if;
  if p_token is not null then return jsonb_build_object('problem', 'locked'); end if;
  -- Whoever has lost the hold is not to write behind a write without one.
  if v_hold.token is not null then delete from {schema}.checkpoint_holds where run_id = p_run_id; end if;
  return null;
end
$$;

-- Takes a run, or takes it again with the same token. Gives nothing if it was taken, else { token, holder, place, since }.
--
-- p_instead: the token of a holder that is known to be dead, or null
create function {schema}.claim_checkpoint(
  p_run_id text, p_token text, p_holder text, p_place text, p_lease bigint, p_instead text
) returns jsonb
language plpgsql as $$
declare
  v_hold {schema}.checkpoint_holds%rowtype;
  v_now bigint;
begin
  perform {schema}.lock_checkpoint(p_run_id);
  v_now := {schema}.now_ms();
  insert into {schema}.checkpoint_holds as hold values (p_run_id, p_token, p_holder, p_place, v_now, v_now + p_lease)
    on conflict (run_id) do update
      set token = excluded.token, holder = excluded.holder, place = excluded.place, until = excluded.until,
        since = case when hold.token = excluded.token then hold.since else excluded.since end
      where hold.token = p_token or hold.token = p_instead or hold.until <= v_now;
  if found then
    -- What programs that have died a day ago have left.
    delete from {schema}.checkpoint_holds where run_id in (
      select run_id from {schema}.checkpoint_holds where until < v_now - 86400000 for update skip locked);
    return null;
  end if;
  select * into v_hold from {schema}.checkpoint_holds where run_id = p_run_id;
  return jsonb_build_object('token', v_hold.token, 'holder', v_hold.holder, 'place', v_hold.place, 'since', v_hold.since);
end
$$;

-- Saves a snapshot. Gives nothing if it was saved, else { problem, seq, last } or { problem, holder, since }.
create function {schema}.save_checkpoint(p_run_id text, p_snapshot text, p_seq bigint, p_token text, p_lease bigint)
returns jsonb
language plpgsql as $$
declare
  v_refusal jsonb;
  v_seq bigint;
  v_last bigint;
begin
  v_refusal := {schema}.fence_checkpoint(p_run_id, p_token, p_lease);
  if v_refusal is not null then return v_refusal; end if;
  select seq into v_seq from {schema}.checkpoints where run_id = p_run_id;
  if not found then
    insert into {schema}.checkpoints (run_id, snapshot, seq) values (p_run_id, p_snapshot, p_seq);
    return null;
  end if;
  if p_seq < v_seq then return jsonb_build_object('problem', 'behind', 'seq', v_seq); end if;
  if p_seq > v_seq then
    select max(seq) into v_last from {schema}.checkpoint_entries where run_id = p_run_id;
    v_last := coalesce(v_last, v_seq);
    if p_seq > v_last then return jsonb_build_object('problem', 'ahead', 'last', v_last); end if;
  end if;
  update {schema}.checkpoints set snapshot = p_snapshot, seq = p_seq where run_id = p_run_id;
  delete from {schema}.checkpoint_entries where run_id = p_run_id and seq <= p_seq;
  return null;
end
$$;

-- Adds entries with numbers one behind the other, each if it may be. Gives for each nothing, or { problem, last }; all are
-- refused with the same { problem, holder, since } if the caller does not hold the run.
create function {schema}.append_checkpoint(p_run_id text, p_seq bigint, p_texts text[], p_token text, p_lease bigint)
returns jsonb
language plpgsql as $$
declare
  v_refusal jsonb;
  v_answers jsonb := '[]';
  v_text text;
  v_at bigint := p_seq;
  v_seq bigint;
  v_last bigint;
begin
  v_refusal := {schema}.fence_checkpoint(p_run_id, p_token, p_lease);
  if v_refusal is null then
    select seq into v_seq from {schema}.checkpoints where run_id = p_run_id;
    if not found then v_refusal := jsonb_build_object('problem', 'unknown'); end if;
  end if;
  if v_refusal is null then
    select max(seq) into v_last from {schema}.checkpoint_entries where run_id = p_run_id;
    v_last := coalesce(v_last, v_seq);
  end if;
  foreach v_text in array p_texts loop
    if v_refusal is not null then
      v_answers := v_answers || jsonb_build_array(v_refusal);
    elsif v_at = v_last + 1 then
      insert into {schema}.checkpoint_entries (run_id, seq, text) values (p_run_id, v_at, v_text);
      v_last := v_at;
      v_answers := v_answers || 'null'::jsonb;
    elsif v_at > v_last then
      v_answers := v_answers || jsonb_build_array(jsonb_build_object('problem', 'gap', 'last', v_last));
    elsif exists (select from {schema}.checkpoint_entries where run_id = p_run_id and seq = v_at and text = v_text) then
      v_answers := v_answers || 'null'::jsonb;
    else
      v_answers := v_answers || jsonb_build_array(jsonb_build_object('problem', 'taken', 'last', v_last));
    end if;
    v_at := v_at + 1;
  end loop;
  return v_answers;
end
$$;

-- Forgets a run. Gives nothing, or { problem, holder, since }.
create function {schema}.delete_checkpoint(p_run_id text, p_token text, p_lease bigint) returns jsonb
language plpgsql as $$
declare
  v_refusal jsonb;
begin
  v_refusal := {schema}.fence_checkpoint(p_run_id, p_token, p_lease);
  if v_refusal is null then
    delete from {schema}.checkpoint_entries where run_id = p_run_id;
    delete from {schema}.checkpoints where run_id = p_run_id;
  end if;
  return v_refusal;
end
$$;

-- Like before, but for a caller that knows so little of a journal that the answer would grow large: such a caller is to
-- read first, in pages, as where a journal was compacted beyond what the caller knows. One JSON value has 256 MB at most.
create or replace function {schema}.commit_runs(p_calls jsonb) returns jsonb
language plpgsql as $$
declare
  v_call record;
  v_answer jsonb;
  v_answers jsonb := '{}';
begin
  for v_call in
    select ordinality as at, value->>'runId' as run_id, (value->>'known')::bigint as known, value->'commits' as commits
      from jsonb_array_elements(p_calls) with ordinality order by (value->>'runId') collate "C", ordinality
  loop
    v_answer := null;
    if (select sum(octet_length(text)) from {schema}.entries where run_id = v_call.run_id and seq > v_call.known) > 8388608 then
      select jsonb_build_object('verdicts', jsonb_build_array(), 'status', status, 'now', {schema}.now_ms(), 'seq', seq,
        'entries', null, 'changed', false) into v_answer from {schema}.runs where run_id = v_call.run_id;
    end if;
    v_answer := coalesce(v_answer, {schema}.commit_run(v_call.run_id, v_call.known, v_call.commits));
    v_answers := v_answers || jsonb_build_object(v_call.at::text, v_answer);
  end loop;
  return (select jsonb_agg(v_answers->at::text order by at) from generate_series(1, jsonb_array_length(p_calls)) at);
end
$$;
