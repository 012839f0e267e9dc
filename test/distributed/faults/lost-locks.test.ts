import { setTimeout as sleep } from 'node:timers/promises';
import { DistributedWorker, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow, type NodeArgs } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import { startProxy } from '../servers/proxy.js';
import { openEngine } from './fixtures/engines.js';
import { describeEngines } from './site.js';

describeEngines('a lock that is lost because the engine is away', (start) => {
  it('counts as no death: the node is executed again, and not given up', async () => {
    const on = await start();
    const proxy = await startProxy(on.server.port);
    const spec = { kind: on.kind, address: on.addressAt(proxy.port), options: {} };
    let isOpen = false;
    let executions = 0;
    const flow = new Flow('long').node('a', async (_input: unknown, { signal }: NodeArgs) => {
      executions++;
      while (!isOpen) await sleep(20, undefined, { signal });
      return 'done';
    });
    const engines = [openEngine(spec), openEngine(spec)] as const;
    // A single death would be too many.
    const soon = { lockDuration: 2_000, heartbeatInterval: 200, watchInterval: 50, maxCrashes: 1 };
    const workers = engines.map((engine) => new DistributedWorker({ engine, workflows: [flow], ...soon }));
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engines[0]).build();
    await Promise.all(workers.map((worker) => worker.start()));
    try {
      const runId = await orchestrator.startRun();
      await eventually(() => executions === 1, { timeout: 60_000 });
      proxy.stall();
      await sleep(8_000);
      await proxy.heal();
      // Renewals that the network held back may still arrive in time, so that the lock is not lost.
      await Promise.race([
        eventually(() => executions === 2, { timeout: 60_000 }).catch(() => undefined),
        sleep(15_000),
      ]);
      isOpen = true;
      const { status, error } = await orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(60_000) });
      expect({ status, error }).toEqual({ status: 'completed', error: undefined });
    } finally {
      await Promise.all(workers.map((worker) => worker.stop({ deadline: 0 })));
      await orchestrator.close();
      await Promise.all(engines.map((engine) => engine.close()));
      await proxy.stop();
      await on.server.stop();
    }
  }, 300_000);
});
