-- Grants a place, by the server's clock. A place that the request already has is given back first, because the answer to
-- an earlier request was lost. The statements are one message, and so one transaction, with values in place of the names
-- in braces. Each statement sees what others have committed before it, whatever the defaults of the role are.
-- Returns 0 if the place is granted, otherwise the milliseconds until there may be a place, or Infinity if another
-- attempt has to end first.
set transaction isolation level read committed;
select pg_advisory_xact_lock(hashtextextended({lock}, 0));
delete from {schema}.orchestrator_limit_places
where limit_name = {limit} and key = {key} and (until <= clock_timestamp() or id = {id});
delete from {schema}.orchestrator_limit_starts
where limit_name = {limit} and key = {key} and at <= clock_timestamp() - {per} * interval '1 millisecond';
delete from {schema}.orchestrator_limit_starts
where limit_name = {limit} and key = {key} and id = {id}
  -- No older than the first request, with time for its way.
  and at >= clock_timestamp() - ({waited} + 10000) * interval '1 millisecond';
delete from {schema}.orchestrator_limit_pauses
where limit_name = {limit} and key = {key} and until <= clock_timestamp();
delete from {schema}.orchestrator_limit_claims
where limit_name = {limit} and key = {key} and until <= clock_timestamp();
with clock as materialized (
  select clock_timestamp() as now
), standing as materialized (
  select now, now - {waited} * interval '1 millisecond' as since,
    (select count(*) from {schema}.orchestrator_limit_places where limit_name = {limit} and key = {key}) as places,
    (select coalesce(sum(cost), 0) from {schema}.orchestrator_limit_starts where limit_name = {limit} and key = {key}) as used,
    (select until from {schema}.orchestrator_limit_pauses where limit_name = {limit} and key = {key}) as closed
  from clock
), room as materialized (
  select now, since,
    case
      when closed is not null then extract(epoch from closed - now) * 1000
      when places >= {concurrency} then 'Infinity'::float8
      when used + {cost} > {rate} then coalesce((
        -- The time at which enough attempts have left the window.
        select extract(epoch from at - now) * 1000 + {per}
        from (
          select at, sum(cost) over (order by at, id) as freed
          from {schema}.orchestrator_limit_starts where limit_name = {limit} and key = {key}
        ) as start
        where freed >= used + {cost} - {rate} order by at limit 1
      ), 1)
      else 0
    end::float8 as delay,
    coalesce((
      select claim.id = {id} or standing.since < claim.since
      from {schema}.orchestrator_limit_claims claim where limit_name = {limit} and key = {key}
    ), true) as is_first
  from standing
), verdict as materialized (
  select now, since,
    is_first and delay <> 0 and {waited} >= {claim_time} as claims,
    case
      when delay = 0 then case when is_first then 0 else 'Infinity'::float8 end
      -- The next place stays free until the request asks again, so it asks soon: after a twentieth of its waiting time.
      when delay = 'Infinity' and is_first and {waited} >= {claim_time} then greatest(50, {waited} / 20)
      else greatest(1, delay)
    end::float8 as delay
  from room
), place as (
  insert into {schema}.orchestrator_limit_places (limit_name, key, id, until)
  select {limit}, {key}, {id}, now + {lease} * interval '1 millisecond' from verdict
  where delay = 0 and {concurrency} < 'Infinity'
), start as (
  insert into {schema}.orchestrator_limit_starts (limit_name, key, id, at, cost)
  select {limit}, {key}, {id}, now, {cost} from verdict where delay = 0 and {rate} < 'Infinity'
), claim as (
  insert into {schema}.orchestrator_limit_claims (limit_name, key, id, since, until)
  select {limit}, {key}, {id}, since, now + {claim_hold} * interval '1 millisecond' from verdict where claims
  on conflict (limit_name, key) do update set id = excluded.id, since = excluded.since, until = excluded.until
), served as (
  delete from {schema}.orchestrator_limit_claims
  where limit_name = {limit} and key = {key} and id = {id} and (select delay from verdict) = 0
)
select delay from verdict
