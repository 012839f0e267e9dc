import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { readEntry } from '../../../src/distributed/journal/entry.js';
import { amountOf } from '../../needs/amount.js';

const times = amountOf('PROTOCOL_JOINS', 3_000, 1_000);

/**
 * Holds the last two predecessors of each join until both are being executed, one on each worker, then ends them
 * together.
 */
class Gate {
  readonly #waiting = new Map<string, () => void>();

  pass(runId: string): Promise<void> {
    const other = this.#waiting.get(runId);
    this.#waiting.delete(runId);
    if (other !== undefined) {
      other();
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.set(runId, resolve));
  }
}

describe.each(['all', 'any'] as const)('a join of %s', (joinStrategy) => {
  it(`runs once, of ${times} times that its last predecessors end together on two workers`, {
    timeout: 120_000,
  }, async () => {
    const gate = new Gate();
    const executed = new Map<string, number>();
    const flow = new Flow('pair')
      .node('a', (_, { runId }) => gate.pass(runId))
      .node('b', (_, { runId }) => gate.pass(runId))
      .node('join', (_, { runId }) => executed.set(runId, (executed.get(runId) ?? 0) + 1), { joinStrategy })
      .node('end', () => 'end')
      .edge('a', 'join')
      .edge('b', 'join')
      .edge('join', 'end');
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    // Each worker executes one node at a time, so the two predecessors of a run are never on the same worker.
    const workers = ['one', 'other'].map(
      (id) => new DistributedWorker({ engine, workflows: [flow], concurrency: 1, nodesPerJob: 1, id }),
    );
    await Promise.all(workers.map((worker) => worker.start()));
    let onTwo = 0;
    for (let at = 0; at < times; at++) {
      const runId = await orchestrator.startRun({}, undefined, { runId: `run-${at}` });
      const { status, output } = await orchestrator.waitForCompletion(runId);
      expect({ runId, status, output, executed: executed.get(runId) }).toEqual({
        runId,
        status: 'completed',
        output: 'end',
        executed: 1,
      });
      const tail = await engine.checkpointStore.read(runId);
      const entries = tail?.entries.map(({ text }) => readEntry(text)) ?? [];
      const completed = entries.flatMap((entry) => (entry.type === 'completed' ? [entry] : []));
      expect(completed.map(({ node }) => node).sort()).toEqual(['a', 'b', 'end', 'join']);
      const places = completed.filter(({ node }) => node === 'a' || node === 'b').map(({ worker }) => worker);
      if (new Set(places).size === 2) onTwo++;
      await orchestrator.deleteRun(runId);
    }
    await Promise.all(workers.map((worker) => worker.stop()));
    expect(onTwo).toBe(times);
    expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
  });
});
