import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Flow } from '../../flow/index.js';
import { instrument } from '../../kernel/hooks/instrumentation.js';
import { withFleet } from './fleet.js';
import { newId, oddTexts, type Suite } from './suite.js';

/** Tests that the trace context is passed on with a run to the workers that execute its nodes. */
export function testCarriers(suite: Suite): void {
  suite.describe('the carrier of a run', () => {
    suite.it('is available wherever the nodes are executed, and to no other run', async () => {
      const seen: [runId: string, place: string, traced: string | undefined][] = [];
      const traces = new AsyncLocalStorage<string | undefined>();
      const remove = instrument({
        capture: () => {
          const trace = traces.getStore();
          return trace === undefined ? undefined : { traceparent: trace };
        },
        restore: ({ traceparent }, work) => traces.run(traceparent, work),
      });
      const note = (_: unknown, { runId, nodeId, attempt }: { runId: string; nodeId: string; attempt: number }) => {
        seen.push([runId, nodeId, traces.getStore()]);
        if (nodeId === 'b' && attempt === 1) throw new Error('again');
        return 1;
      };
      const flow = new Flow(newId('carried'))
        .node('a', note)
        .node('b', note, { retry: { retries: 1, minTimeout: 1 } })
        .node('c', note)
        .sleep('nap', { duration: 1 })
        .node('d', note)
        .edge('a', 'b')
        .edge('a', 'c')
        .edge('b', 'nap')
        .edge('nap', 'd');
      try {
        await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
          const odd = oddTexts.join('');
          const starts = ['one', odd, undefined].map((trace) => traces.run(trace, () => orchestrator.startRun()));
          const [one, two, none] = await Promise.all(starts);
          for (const runId of await Promise.all(starts)) {
            assert.equal((await orchestrator.waitForCompletion(runId)).status, 'completed');
          }
          const of = (runId: string | undefined) => seen.filter(([other]) => other === runId);
          for (const [runId, trace] of [
            [one, 'one'],
            [two, odd],
            [none, undefined],
          ] as const) {
            assert.deepEqual(
              of(runId)
                .map(([, nodeId]) => nodeId)
                .toSorted(),
              ['a', 'b', 'b', 'c', 'd'],
            );
            assert.deepEqual([...new Set(of(runId).map(([, , traced]) => traced))], [trace]);
          }
          remove();
          const after = await traces.run('one', () => finish());
          assert.equal(of(after.runId).length, 5);
        });
      } finally {
        remove();
      }
    });
  });
}
