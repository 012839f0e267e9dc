import { beforeAll, expect, it } from 'vitest';
import type { FaultPoint } from './fixtures/fault-points.js';
import type { ExecutionTold, Told } from './fixtures/messages.js';
import { begins, describeEngines, type EngineServer, ended, type Site, withSite } from './site.js';

const defaults = {
  lockDuration: undefined,
  heartbeatInterval: undefined,
  watchInterval: undefined,
  maxCrashes: undefined,
};
const killed = { code: null, signal: 'SIGKILL' };

describeEngines('a worker that is killed', (start, kind) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  /** Runs a test with a fleet of its own. */
  const on = (test: (site: Site) => Promise<void>) => withSite(server, test);

  it.concurrent('in a node has its work done by another worker', () =>
    on(async (site) => {
      const held = { line: 'c', wide: 'three', join: 'left', nested: 'y', flaky: 'c', items: 'list' } as const;
      const victim = await site.startWorker({ behaviour: { hold: Object.values(held) } });
      const workflows = Object.keys(held) as (keyof typeof held)[];
      const runIds = await Promise.all(workflows.map((workflow) => site.start(workflow, { items: [1, 2, 3] })));
      await Promise.all(Object.values(held).map((nodeId) => victim.waitFor(begins(nodeId))));
      await victim.kill();
      await site.rescue();
      await site.expectSound(runIds);
      const errors = await Promise.all(runIds.map((runId) => site.orchestrator.errors(runId)));
      expect(errors.map(({ length }) => length)).toEqual(workflows.map((name) => (name === 'flaky' ? 2 : 0)));
    }));

  it.concurrent('is replaced within seconds with default settings', () =>
    on(async (site) => {
      const victim = await site.startWorker({ behaviour: { hold: ['b'] }, worker: defaults });
      const runId = await site.start('line');
      await victim.waitFor(begins('b'));
      await site.rescue(defaults);
      const death = performance.now();
      await victim.kill();
      await site.finish([runId]);
      // A lock of thirty seconds, the default of queues, would still be held.
      expect(performance.now() - death).toBeLessThan(25_000);
      await site.expectSound([runId]);
    }));

  it.concurrent('and a second one after it, lose no run', () =>
    on(async (site) => {
      const runId = await site.start('line');
      for (const _ of ['first', 'second']) {
        const victim = site.spawnWorker({ behaviour: { die: ['c'] }, worker: { maxCrashes: 3 } });
        expect(await victim.exited).toEqual(killed);
      }
      // One more death would be too many.
      await site.rescue({ lockDuration: 10_000, maxCrashes: 3 });
      await site.expectSound([runId]);
      expect(await site.orchestrator.errors(runId)).toEqual([]);
    }));

  it.concurrent('after nodes that may be repeated has them repeated, and each counts once', () =>
    on(async (site) => {
      const runId = await site.start('repeatable');
      const victim = site.spawnWorker({ behaviour: { die: ['d'] } });
      expect(await victim.exited).toEqual(killed);
      expect((await site.completions(runId, { follow: false })).map(({ nodeId }) => nodeId)).toEqual(['a']);
      const rescuer = await site.startWorker();
      for (const nodeId of ['b', 'c', 'd']) await rescuer.waitFor(begins(nodeId));
      await site.expectSound([runId]);
    }));

  const points: FaultPoint['at'][] = ['before commit', 'after commit', 'before enqueue', 'after enqueue'];
  if (kind === 'redis') points.push('before filing');

  it.concurrent.each(points)('%s, early and later, loses and repeats nothing', (at) =>
    on(async (site) => {
      const workflows = ['wide', 'line', 'repeatable', 'nested', 'flaky', 'join', 'wide', 'flaky', 'wide'] as const;
      const runIds = await Promise.all(workflows.map((workflow) => site.start(workflow)));
      for (const time of [1, 2]) {
        const victim = site.spawnWorker({ faultPoint: { at, time } });
        expect(await victim.exited).toEqual(killed);
      }
      await site.rescue();
      await site.expectSound(runIds);
    }),
  );

  // On Redis the list of runs is separate from the runs and written after them. Elsewhere both are one table.
  it.runIf(kind === 'redis').concurrent('between the end of a run and its indexing leaves a run that is found', () =>
    on(async (site) => {
      // Neither worker may take the jobs of the other.
      const lockDuration = 10_000;
      const nodes = ['one', 'two', 'three', 'four'];
      const behaviour = { hold: nodes };
      const bystander = await site.startWorker({ behaviour, worker: { lockDuration, concurrency: 1 } });
      const runId = await site.start('wide');
      const isHeld = (told: Told): told is ExecutionTold => told.type === 'begins' && nodes.includes(told.nodeId);
      const { nodeId } = await bystander.waitFor(isHeld);
      const faultPoint = { at: 'before filing', time: 1 } as const;
      const victim = await site.startWorker({ behaviour, faultPoint, worker: { lockDuration } });
      await Promise.all(nodes.filter((node) => node !== nodeId).map((node) => victim.waitFor(begins(node))));
      bystander.send({ type: 'release' });
      await bystander.waitFor(ended(nodeId));
      await site.expectIdle(bystander);
      victim.send({ type: 'release' });
      expect(await victim.exited).toEqual(killed);
      await site.expectNothingLeft();
      const { runs } = await site.orchestrator.listRuns({ status: 'completed' });
      expect(runs.map((run) => run.runId)).toEqual([runId]);
      await site.expectSound([runId]);
    }),
  );

  it.concurrent.each(['before enqueue', 'after enqueue'] as const)(
    'or a program that starts a run and is killed %s, leaves a run that is executed',
    (at) =>
      on(async (site) => {
        const starter = site.spawnStarter({ at, time: 1 }, { runId: 'mine', workflow: 'wide' });
        expect(await starter.exited).toEqual(killed);
        await site.rescue({ maintenanceInterval: 1_000 });
        await site.expectSound(['mine']);
      }),
  );
});
