import { identifier } from '../../../shared/sql-identifier.js';

/**
 * The statements of a store on SQL. Each one is complete in itself, so that a pooler may give each of them another
 * session.
 *
 * All rows are in one table, by the id of the run and a number: the header of the run has number 0, its records have
 * higher ones, and its signals have negative ones. Whoever changes a run locks its header first, so that an owner that
 * has lost the run adds nothing after the next owner has read it.
 *
 * A statement whose answer was lost is sent again, and its first sending may even take effect after the second. So each
 * statement recognises its repetition: a record by its number, which must be above the last rewrite (`base`), and a
 * signal by its token (`owner`), which is kept for some time after the signal was consumed.
 */
export interface Statements {
  /** Creates the table and its indexes, unless they exist. */
  readonly create: string;
  readonly exists: string;
  readonly claim: string;
  readonly reclaim: string;
  readonly holder: string;
  readonly read: string;
  /** Appends the records of one run, which is faster than `append`. */
  readonly appendOne: string;
  /** Like `appendOne`, and sets the status of the run. */
  readonly appendOneWithStatus: string;
  /** Appends the records of several runs. */
  readonly append: string;
  readonly rewrite: string;
  readonly beat: string;
  readonly release: string;
  readonly signal: string;
  readonly signals: string;
  readonly delete: string;
  readonly purge: string;
  readonly list: string;
}

const name = 'orchestrator_journal';

/** Time for which a consumed signal is kept. Longer than the time for which a statement is repeated. */
const remembrance = "interval '2 minutes'";

/** Returns the statements for the table in a schema. */
export function statementsIn(schema: string): Statements {
  const table = `${identifier(schema)}.${identifier(name)}`;
  /** Condition under which the run of $1 has no living owner: $2 is the lease in milliseconds, $3 an owner that is dead. */
  const isFree = (run: string) =>
    `(${run}.owner is null or ${run}.owner = $3 or ${run}.beat < clock_timestamp() - $2::float8 * interval '1 millisecond')`;
  /** Appends the records in $3 and $4 (number, text) to the run of $1 if `held` has a row. */
  const addedToOne = `insert into ${table} (id, seq, text)
    select $1, line.seq, line.text from held, unnest($3::bigint[], $4::text[]) as line (seq, text)
    where line.seq > held.base
    on conflict (id, seq) do nothing`;
  return {
    create: `do $create$ begin
  perform pg_advisory_xact_lock(hashtextextended('${name}', 0));
  create table if not exists ${table} (
    id text collate "C" not null, seq bigint not null, text text not null,
    name text, version text, created bigint, status text, base bigint, sent bigint, consumed bigint,
    owner text, holder text, place text, beat timestamptz,
    primary key (id, seq)
  );
  create index if not exists ${name}_created on ${table} (created, id) where seq = 0;
  create index if not exists ${name}_running on ${table} (name) where seq = 0 and status = 'running';
  create unique index if not exists ${name}_signals on ${table} (id, owner) where seq < 0;
end $create$`,
    exists: `select to_regclass('${table.replaceAll("'", "''")}') is not null as found`,
    claim: `insert into ${table} as run (id, seq, text, name, version, created, status, base, sent, consumed, owner, holder, place, beat)
  values ($1, 0, $7, $8, $9, $10::float8::bigint, 'running', 0, 0, 0, $4, $5, $6, clock_timestamp())
  on conflict (id, seq) do update
    set owner = excluded.owner, holder = excluded.holder, place = excluded.place, beat = excluded.beat
    where run.owner = excluded.owner or ${isFree('run')}
  returning xmax = 0 as is_new`,
    reclaim: `update ${table} as run set owner = $4, holder = $5, place = $6, beat = clock_timestamp()
  where id = $1 and seq = 0 and (run.owner = $4 or ${isFree('run')})
  returning false as is_new`,
    holder: `select owner, holder, place from ${table} where id = $1 and seq = 0`,
    read: `select seq::float8 as seq, text, status, base::float8 as base, consumed::float8 as consumed,
    owner, holder, place,
    beat < clock_timestamp() - $2::float8 * interval '1 millisecond' as is_silent
  from ${table} where id = $1 and (seq >= 0 or seq < (select -consumed from ${table} where id = $1 and seq = 0))
  order by seq`,
    appendOne: `with held as materialized (
    select owner, base from ${table} where id = $1 and seq = 0 and owner = $2 for no key update
  ), added as (
    ${addedToOne}
  )
  select owner from held`,
    appendOneWithStatus: `with held as (
    update ${table} set status = $5 where id = $1 and seq = 0 and owner = $2 returning owner, base
  ), added as (
    ${addedToOne}
  )
  select owner from held`,
    append: `with held as materialized (
    select id, owner, base from ${table} where seq = 0 and id = any($1::text[]) order by id for no key update
  ), added as (
    insert into ${table} (id, seq, text)
    select line.id, line.seq, line.text
    from unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) as line (id, owner, seq, text)
    join held on held.id = line.id and held.owner = line.owner and held.base < line.seq
    on conflict (id, seq) do nothing
  ), marked as (
    update ${table} as run set status = mark.status
    from unnest($6::text[], $7::text[], $8::text[]) as mark (id, owner, status)
    join held on held.id = mark.id and held.owner = mark.owner
    where run.id = mark.id and run.seq = 0
  )
  select owner from held`,
    rewrite: `with held as materialized (
    select id, base from ${table} where id = $1 and seq = 0 and owner = $2 for no key update
  ), changed as (
    select id from held where base < $3::float8::bigint
  ), gone as (
    delete from ${table} where id in (select id from changed) and (
      seq between 1 and $3::float8::bigint
      or seq between -$4::float8::bigint and -1 and beat < clock_timestamp() - ${remembrance}
    )
  ), added as (
    insert into ${table} (id, seq, text)
    select changed.id, $3::float8::bigint + line.number, line.text
    from changed, unnest($5::text[]) with ordinality as line (text, number)
  ), marked as (
    update ${table} as run set text = $6, name = $7, version = $8, created = $9::float8::bigint, status = 'running',
      base = $3::float8::bigint, consumed = greatest(run.consumed, $4::float8::bigint)
    from changed where run.id = changed.id and run.seq = 0
  )
  select id from held`,
    beat: `with held as materialized (
    select id, owner from ${table} where seq = 0 and id = any($1::text[]) order by id for no key update
  ), beaten as (
    update ${table} as run set beat = clock_timestamp()
    from held join unnest($1::text[], $2::text[]) as own (id, owner) on held.id = own.id and held.owner = own.owner
    where run.id = held.id and run.seq = 0
  )
  select owner from held`,
    release: `update ${table} set owner = null, holder = null, place = null where id = $1 and seq = 0 and owner = $2`,
    signal: `with run as (
    update ${table} set sent = sent + 1 where id = $1 and seq = 0 returning id, sent
  ), added as (
    insert into ${table} (id, seq, text, owner, beat) select id, -sent, $2, $3, clock_timestamp() from run
    on conflict (id, owner) where seq < 0 do nothing
    returning seq
  )
  select (-coalesce(
    (select seq from added), (select seq from ${table} where id = $1 and seq < 0 and owner = $3)
  ))::float8 as number from run`,
    signals: `select own.owner, (-signal.seq)::float8 as number, signal.text
  from unnest($1::text[], $2::text[], $3::bigint[]) as own (id, owner, known)
  join ${table} as signal on signal.id = own.id and signal.seq < -own.known
  order by signal.id, signal.seq desc`,
    delete: `with held as materialized (
    select id from ${table} as run where id = $1 and seq = 0 and ${isFree('run')} for update
  ), gone as (
    delete from ${table} where id in (select id from held)
  )
  select id from held`,
    purge: `delete from ${table} where id = $1
    and not exists (select from ${table} as run where run.id = $1 and run.seq = 0)`,
    list: `select id, name, version, created::float8 as created, status from ${table} where seq = 0`,
  };
}
