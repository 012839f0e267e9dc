-- {schema} is the schema of a fleet. All of it is created once; what comes later is in files of its own.

create table {schema}.runs (
  run_id text collate "C" primary key,
  workflow text not null,
  version text not null,
  status text not null,
  priority integer not null,
  created_at bigint not null,
  start_at bigint not null,
  updated_at bigint not null,
  finished_at bigint,
  deadline bigint,
  retention bigint,
  output text,
  error text,
  -- Where the journal ends, and what entries are not kept any more.
  seq bigint not null default 0,
  base bigint not null default 0
) with (fillfactor = 70);

create index runs_by_time on {schema}.runs (created_at, run_id);
create index runs_by_status on {schema}.runs (status, created_at, run_id);
create index runs_by_workflow on {schema}.runs (workflow, status, created_at, run_id);
create index runs_expiring on {schema}.runs ((finished_at + retention)) where retention is not null;

-- What a journal starts from.
create table {schema}.snapshots (
  run_id text collate "C" primary key,
  text text not null
);

create table {schema}.entries (
  run_id text collate "C" not null,
  seq bigint not null,
  time bigint not null,
  text text not null,
  primary key (run_id, seq)
);

-- The last number that was added for each slot: what makes a commit count once.
create table {schema}.slots (
  run_id text collate "C" not null,
  slot text collate "C" not null,
  number bigint not null,
  primary key (run_id, slot)
);

create table {schema}.crashes (
  run_id text collate "C" not null,
  crash text collate "C" not null,
  item text collate "C" not null,
  primary key (run_id, crash)
);

create table {schema}.item_states (
  run_id text collate "C" not null,
  item text collate "C" not null,
  state text not null,
  primary key (run_id, item)
);

create table {schema}.workers (
  worker_id text collate "C" primary key,
  report text not null,
  beat_at bigint not null
);

-- Of runs in process.
create table {schema}.checkpoints (
  run_id text collate "C" primary key,
  snapshot text not null
);

create table {schema}.checkpoint_entries (
  number bigint generated always as identity primary key,
  run_id text collate "C" not null,
  text text not null
);

create index checkpoint_entries_by_run on {schema}.checkpoint_entries (run_id, number);

-- The clock of the engine, in epoch milliseconds.
create function {schema}.now_ms() returns bigint language sql volatile as $$
  select floor(extract(epoch from clock_timestamp()) * 1000)::bigint
$$;
