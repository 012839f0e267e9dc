import { Redis } from 'ioredis';
import { DistributedWorker, EngineError, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import pg from 'pg';
import { expect, it } from 'vitest';
import { gate } from '../../support.js';
import { eventually } from '../servers/eventually.js';
import { openEngine } from './fixtures/engines.js';
import type { Told } from './fixtures/messages.js';
import { begins, describeEngines, type EngineServer, type Site, withSite } from './site.js';

/** Ways to make a server refuse writes, the messages it then gives, and how to end each. */
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

        // The signal to reload takes a moment to reach all sessions, and no session reports it.
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
        for (const runId of halfBegun) await eventually(async () => (await begin(site, runId)) === undefined);
        runIds.push(...halfBegun);
        await site.expectSound(runIds);
        const { runs } = await site.orchestrator.listRuns();
        expect(runs).toHaveLength(runIds.length);
      });
      await on.server.stop();
    },
  );

  it.each(Object.entries(ways[kind as keyof typeof ways]))(
    'because of %s fails no item of a batch and no node of a sub-flow, each of which is executed once',
    async (_, [refuse, allow, says]) => {
      const on = await start();
      const { executions, open, pass } = gate();
      const inner = new Flow('inner')
        .node('x', () => pass('x'))
        .node('y', (input) => input)
        .edge('x', 'y');
      const flow = new Flow('resize')
        .node('list', () => ['small', 'large'])
        .batch('each', (size: string) => pass(size), { items: 'list' })
        .node('sub', inner)
        .edge('list', 'each')
        .edge('list', 'sub');
      const engine = openEngine({ kind: on.kind, address: on.addressAt(on.server.port), options: {} });
      const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
      const worker = new DistributedWorker({ engine, workflows: [flow] });
      const refused = new Promise<void>((resolve) => {
        worker.on('warning', ({ message }) => says.test(message) && resolve());
      });
      await worker.start();
      try {
        const runId = await orchestrator.startRun();
        await eventually(() => executions.length === 3, { timeout: 20_000 });
        await tell(on, refuse);
        open();
        await refused;
        await tell(on, allow);
        const { status, error } = await orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(40_000) });
        expect({ status, error }).toEqual({ status: 'completed', error: undefined });
        expect(await orchestrator.metrics(runId)).toMatchObject({ attempts: 3, completed: 3, failed: 0, retries: 0 });
        expect(executions.toSorted()).toEqual(['large', 'small', 'x']);
      } finally {
        await worker.stop({ deadline: 0 });
        await orchestrator.close();
        await engine.close();
        await on.server.stop();
      }
    },
    90_000,
  );
});

/** Starts a run. @returns the error if the start is refused */
function begin({ orchestrator }: Site, runId: string): Promise<unknown> {
  return orchestrator.startRun({ count: 0 }, undefined, { workflow: 'line', runId }).then(
    () => undefined,
    (refused: unknown) => refused,
  );
}

/** Returns true if a run was stored. Its job may be missing. */
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
