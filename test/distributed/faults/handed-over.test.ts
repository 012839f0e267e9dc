import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import { startWorkerProcess } from '../servers/processes.js';
import type { Said } from './fixtures/handed-over.js';
import { describeEngines, type EngineServer } from './site.js';

const module = new URL('./fixtures/handed-over.ts', import.meta.url);
const isSaid = (type: Said['type']) => (said: Said) => said.type === type;

describeEngines('a program whose pool or connection nobody listens to', (start, kind) => {
  it('survives the end of its connections and of the server, busy and idle, and prints nothing', async () => {
    const on = await start();
    const program = startWorkerProcess<Said>({ module, env: { KIND: kind, URL: on.addressAt(on.server.port) } });
    await program.waitFor(isSaid('busy'), 120_000);
    for (let round = 0; round < 20; round++) {
      await endConnections(on);
      await sleep(50);
    }
    await on.server.restart('orderly');
    await sleep(500);
    await on.server.restart('crash');
    program.send('rest' as never);
    await program.waitFor(isSaid('quiet'), 120_000);
    await endConnections(on);
    await on.server.restart('orderly');
    await endConnections(on);
    program.send('end' as never);
    const said = await program.waitFor(isSaid('ended'), 180_000);
    expect(said).toEqual({ type: 'ended', started: expect.any(Number), completed: expect.any(Number), listeners: 0 });
    if (said.type === 'ended') expect(said.completed).toBe(said.started);
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(program.output).toBe('');
    await on.server.stop();
  });
});

/** Ends all connections of the program to the server. */
async function endConnections({ kind, addressAt, server }: EngineServer): Promise<void> {
  const address = addressAt(server.port);
  if (kind === 'redis') {
    const client = new Redis(address);
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await client.quit();
    return;
  }
  const client = new pg.Client(address);
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client.query<{ pid: number }>(
    "select pid, pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
  );
  const pids = rows.map(({ pid }) => pid);
  // The session was only asked to end, and may take its time.
  const left = 'select count(*)::int as count from pg_stat_activity where pid = any($1)';
  await eventually(async () => expect((await client.query(left, [pids])).rows).toEqual([{ count: 0 }]));
  await client.end();
}
