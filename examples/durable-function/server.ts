// A server whose orders go on after a restart. It answers as soon as an order is on the disk, and executes it in the
// background. SIGTERM ends it in good order. Environment: `RUNS`, `STEP_MS`.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { Orchestrator } from 'orchestrator';
import { DurableFunction, fileJournal, idempotencyKey, LockedError } from 'orchestrator/durable';

const { RUNS = './runs', STEP_MS = '0' } = process.env;

interface Order {
  readonly item: string;
}

const orchestrator = new Orchestrator({ retry: 3 }).onProcessCompletion(
  ({ id, status, error }) => {
    if (status === 'failed') console.error(`order ${id} has failed and waits for somebody`, error);
  },
  { observe: true },
);
const work = (name: string) =>
  orchestrator.action(name, async (item: string) => {
    process.send?.(`${name} ${item} ${idempotencyKey()}`);
    await pause(Number(STEP_MS), undefined, { signal: orchestrator.signal });
    return `${name} ${item}`;
  });
const [charge, ship] = [work('charge'), work('ship')];

const order = new DurableFunction('order', async ({ item }: Order) => [await charge(item), await ship(item)], {
  orchestrator,
  version: '1',
});

const journal = fileJournal(RUNS);
const stopping = new AbortController();
const { signal } = stopping;

const app = new Hono();
app.post('/orders/:id', async (context) => {
  const id = context.req.param('id');
  try {
    await order.start(await context.req.json<Order>(), { id, journal, signal });
  } catch (error) {
    // The client repeats a request whose answer was lost, and the order is under way.
    if (!(error instanceof LockedError)) throw error;
  }
  return context.json({ id }, 202);
});
app.get('/orders/:id', async (context) => {
  const run = await journal.get(context.req.param('id'));
  return run === undefined ? context.notFound() : context.json({ status: run.status, result: run.result });
});

// What earlier programs have left: now, and later what a program on another machine leaves.
const recovered = await order.recover(journal, { signal });
setInterval(() => void order.recover(journal, { signal }).catch(console.error), 30_000).unref();
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
await once(server, 'listening');
process.send?.(`listens ${(server.address() as AddressInfo).port} ${recovered.length}`);

process.once('SIGTERM', async () => {
  server.close(); // No new orders.
  stopping.abort(); // Those under way stop here, and go on in the next program.
  await journal.close(); // Their locks are free.
  process.disconnect?.();
});
