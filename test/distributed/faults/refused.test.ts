import { Redis } from 'ioredis';
import { EngineError } from 'orchestrator/distributed';
import pg from 'pg';
import { expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import type { Told } from './fixtures/messages.js';
import { begins, describeEngines, type EngineServer, type Site, withSite } from './site.js';

/** Ways to have a server refuse what is written, what it says then, and how it is ended. */
const ways = {
  redis: {
    'a full memory': [
      ['CONFIG SET maxmemory 1', 'CONFIG SET maxmemory-policy noeviction'],
      ['CONFIG SET maxmemory 0'],
      /OOM|maxmemory/,
    ],
    'missing replicas': [['CONFIG SET min-replicas-to-write 1'], ['CONFIG SET min-replicas-to-write 0'], /NOREPLICAS/],
  },
  postgres: {
    'a read-only database': [
      ['ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()'],
      [
        'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
        'ALTER SYSTEM RESET default_transaction_read_only',
        'SELECT pg_reload_conf()',
      ],
      /read-only transaction/,
    ],
  },
} as const;

describeEngines('a refused write', (start, kind) => {
  it.each(Object.entries(ways[kind as keyof typeof ways]))(
    'because of %s is reported, and made up for when it is possible again',
    async (_, [refuse, allow, says]) => {
      const on = await start();
      await withSite(on, async (site) => {
        const worker = await site.startWorker({ behaviour: { hold: ['b', 'two'] } });
        const runIds = await Promise.all([site.start('line'), site.start('wide'), site.start('flaky')]);
        await Promise.all(['b', 'two'].map((node) => worker.waitFor(begins(node))));
        await tell(on, refuse);

        // The signal that has all sessions read it takes a moment to reach them, and none of them tells of it.
        const halfBegun: string[] = [];
        const error = await eventually(async () => {
          const runId = `late ${runIds.length + halfBegun.length}`;
          const refused = await begin(site, runId);
          if (refused === undefined) runIds.push(runId);
          else if (await isThere(site, runId)) halfBegun.push(runId);
          else return refused;
          return false;
        });
        expect(error).toBeInstanceOf(EngineError);
        expect(error).toMatchObject({ code: 'ERR_ENGINE', message: expect.stringMatching(says) });
        expect(String(error)).toContain(`127.0.0.1:${on.server.port}`);

        worker.send({ type: 'release' });
        const isWarning = (told: Told) => told.type === 'warning' && says.test(told.message);
        await worker.waitFor(isWarning);
        await tell(on, allow);
        for (const runId of halfBegun) expect(await begin(site, runId)).toBeUndefined();
        runIds.push(...halfBegun);
        await site.expectSound(runIds);
        const { runs } = await site.orchestrator.listRuns();
        expect(runs).toHaveLength(runIds.length);
      });
      await on.server.stop();
    },
  );
});

/** Starts a run. Gives the error where that is refused. */
function begin({ orchestrator }: Site, runId: string): Promise<unknown> {
  return orchestrator.startRun({ count: 0 }, undefined, { workflow: 'line', runId }).then(
    () => undefined,
    (refused: unknown) => refused,
  );
}

/** Whether a run has been written, which its job may not have been. */
async function isThere({ orchestrator }: Site, runId: string): Promise<boolean> {
  return (await orchestrator.listRuns()).runs.some((run) => run.runId === runId);
}

async function tell({ kind, addressAt, server }: EngineServer, commands: readonly string[]): Promise<void> {
  if (kind === 'redis') {
    const client = new Redis(addressAt(server.port));
    for (const command of commands) {
      const [name = '', ...args] = command.split(' ');
      await client.call(name, ...args);
    }
    client.disconnect();
    return;
  }
  const client = new pg.Client(addressAt(server.port));
  await client.connect();
  for (const command of commands) await client.query(command);
  await client.end();
}
