import { EventDrivenOrchestrator, MemoryCoordinationStore } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import fc from '../properties.js';
import { counted, expectOrder } from './compare.js';
import { modelRun } from './model.js';
import { cases, scriptOf } from './random-graphs.js';
import { built, paces } from './scripted-flow.js';

const numRuns = Number(process.env.FLOW_RUNS ?? 200);

it('runs graphs by events like the model, in any order of the queue', { timeout: 600_000 }, async () => {
  const arbitrary = fc.oneof(
    cases({ failures: true }),
    cases({ failures: true, fallbacks: true }),
    cases({ cycles: true }),
    cases({ cycles: true, failures: true, fallbacks: true }),
  );
  const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(arbitrary, paces, picks, fc.integer({ min: 1, max: 3 }), async (one, pace, order, slots) => {
      const expected = modelRun(one.graph, scriptOf(one));
      const { flow, log, runtime } = built(one, pace);
      const { traverser, state, services } = runtime.prepare(flow);
      const orchestrator = new EventDrivenOrchestrator(services, new MemoryCoordinationStore());
      const queue = traverser.getReadyNodes().map(({ nodeId }) => nodeId);
      for (let turn = 0; queue.length > 0; turn++) {
        const jobs = Array.from({ length: Math.min(slots, queue.length) }, () => {
          const pick = (order[turn % order.length] ?? 0) % queue.length;
          return queue.splice(pick, 1)[0] as string;
        });
        const handled = jobs.map((id) => orchestrator.handleJob(id, flow.toBlueprint(), state, 'run'));
        for (const { nodesToEnqueue } of await Promise.all(handled)) queue.push(...nodesToEnqueue);
      }
      expect(counted(log.starts())).toEqual(expected.executions);
      expectOrder(log, expected);
    }),
    { numRuns },
  );
});
