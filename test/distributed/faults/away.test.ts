import { setTimeout as sleep } from 'node:timers/promises';
import { DistributedWorker, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import { startProxy } from '../servers/proxy.js';
import { openEngine } from './fixtures/engines.js';
import { describeEngines } from './site.js';

describeEngines('a server that is away for seconds', (start, kind) => {
  it('has as many connections as before when it is back, and none after the engine is closed', async () => {
    const on = await start();
    const proxy = await startProxy(on.server.port);
    const engine = openEngine({ kind: on.kind, address: on.addressAt(proxy.port), options: { prefix: 'away' } });
    const flow = new Flow('away').node('a', () => 1);
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    worker.on('warning', () => undefined);
    await worker.start();
    const run = async () => orchestrator.waitForCompletion(await orchestrator.startRun());
    await run();
    const before = proxy.connections;
    await proxy.cut();
    await sleep(6_000);
    await proxy.heal();
    let most = 0;
    const until = Date.now() + 3_000;
    while (Date.now() < until) {
      most = Math.max(most, proxy.connections);
      await sleep(10);
    }
    // A pool may open more connections for a while, since all waiting calls ask at once.
    expect(most).toBeLessThanOrEqual(kind === 'postgres' ? before + 12 : before + 2);
    expect(await run()).toMatchObject({ status: 'completed' });
    await worker.stop();
    await orchestrator.close();
    await engine.close();
    await eventually(async () => expect(proxy.connections).toBe(0));
    await proxy.stop();
  });
});
