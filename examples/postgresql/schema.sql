-- Verdicts in PostgreSQL: psql -f schema.sql
create table if not exists inspection (
  -- The identity of a message: a second delivery of it changes nothing.
  epoch text not null,
  stream text not null,
  seq bigint not null,
  site text not null,
  line text not null,
  device text not null,
  station text not null,
  captured timestamptz not null,
  clock_synced boolean not null,
  verdict text not null check (verdict in ('pass', 'fail', 'invalid')),
  reason text,
  model text,
  score double precision,
  -- All of it, also what later versions add.
  message jsonb not null,
  primary key (site, line, device, epoch, stream, seq)
);
create index if not exists inspection_captured on inspection (station, captured);

-- What was dropped before it could be delivered, and says so.
create table if not exists gap (
  site text not null,
  line text not null,
  device text not null,
  epoch text not null,
  stream text not null,
  first_seq bigint not null,
  last_seq bigint not null,
  primary key (site, line, device, epoch, stream, first_seq)
);

-- Numbers that neither came nor were announced as dropped. A row that stays for minutes: something was lost after the broker.
create or replace view missing as
select site, line, device, epoch, stream, seq + 1 as first_seq, next - 1 as last_seq
from (
  select site, line, device, epoch, stream, last as seq,
         lead(first) over (partition by site, line, device, epoch, stream order by first) as next
  from (
    select site, line, device, epoch, stream, seq as first, seq as last from inspection
    union all
    select site, line, device, epoch, stream, first_seq, last_seq from gap
  ) as known
) as neighbours
where next > seq + 1;
