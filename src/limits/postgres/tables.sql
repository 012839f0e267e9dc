-- Only one program at a time may create tables, because concurrent creation fails.
select pg_advisory_xact_lock(hashtextextended('orchestrator limits', 0));
create table if not exists {schema}.orchestrator_limit_places (
  limit_name text not null, key text not null, id text not null, until timestamptz not null,
  primary key (limit_name, key, id)
);
create table if not exists {schema}.orchestrator_limit_starts (
  limit_name text not null, key text not null, id text not null, at timestamptz not null, cost bigint not null,
  primary key (limit_name, key, at, id)
);
create table if not exists {schema}.orchestrator_limit_pauses (
  limit_name text not null, key text not null, until timestamptz not null,
  primary key (limit_name, key)
);
create table if not exists {schema}.orchestrator_limit_claims (
  limit_name text not null, key text not null, id text not null, since timestamptz not null, until timestamptz not null,
  primary key (limit_name, key)
)
