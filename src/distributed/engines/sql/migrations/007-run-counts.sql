-- How many runs are over, by status, so that it is read instead of counted. Runs that are under way are counted in the
-- index: there are few of them beside all that were.
--
-- Each backend of the database counts what it changes in rows of its own, so no two transactions wait for each other. The
-- rows of backends that are gone are added to those of one that begins to count: there are about as many rows as
-- connections, however many runs there are. A count of one backend may be negative; the sum over all is right.

create table {schema}.run_counts (
  backend integer not null,
  status text not null,
  count bigint not null,
  primary key (backend, status)
) with (fillfactor = 50);

create function {schema}.fold_run_counts() returns void
language sql as $$
  with gone as (
    delete from {schema}.run_counts where (backend, status) in (
      select backend, status from {schema}.run_counts counted
      where backend <> pg_backend_pid() and not exists (select from pg_stat_activity where pid = counted.backend)
      for update skip locked
    ) returning status, count
  )
  insert into {schema}.run_counts select pg_backend_pid(), status, sum(count) from gone group by status
  on conflict (backend, status) do update set count = run_counts.count + excluded.count
$$;

create function {schema}.count_run(p_status text, p_by integer) returns void
language plpgsql as $$
begin
  update {schema}.run_counts set count = count + p_by where backend = pg_backend_pid() and status = p_status;
  if not found then
    insert into {schema}.run_counts values (pg_backend_pid(), p_status, p_by)
      on conflict (backend, status) do update set count = run_counts.count + excluded.count;
    perform {schema}.fold_run_counts();
  end if;
end
$$;

create function {schema}.is_over(p_status text) returns boolean language sql immutable as $$
  select p_status in ('completed', 'failed', 'cancelled', 'stalled')
$$;

create function {schema}.count_end() returns trigger
language plpgsql as $$
begin
  if {schema}.is_over(old.status) then perform {schema}.count_run(old.status, -1); end if;
  if tg_op = 'UPDATE' and {schema}.is_over(new.status) then perform {schema}.count_run(new.status, 1); end if;
  return null;
end
$$;

create trigger run_ends after update of status on {schema}.runs for each row
  when (old.status <> new.status and ({schema}.is_over(old.status) or {schema}.is_over(new.status)))
  execute function {schema}.count_end();
create trigger run_goes after delete on {schema}.runs for each row
  when ({schema}.is_over(old.status)) execute function {schema}.count_end();

-- Nobody else writes runs until this migration is committed: creating a trigger has seen to that.
insert into {schema}.run_counts select 0, status, count(*) from {schema}.runs where {schema}.is_over(status) group by status;
