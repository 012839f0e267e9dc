import { createRequire } from 'node:module';
import { BullMQAdapter, RedisCoordinationStore } from '@flowcraft/bullmq-adapter';
import { createFlow, FlowRuntime, NullLogger } from 'flowcraft';
import { rate } from '../figures.mjs';
import { chain, fan } from './graphs.mjs';
import { medianOfRuns, quick, redisUrl, send } from './section.mjs';

// Flowcraft's adapter for BullMQ on Redis. All runs are queued before the only worker starts. The adapter has its own
// copy of ioredis, which must be used because the adapter checks the class of the connection.

const Redis = createRequire(import.meta.resolve('@flowcraft/bullmq-adapter'))('ioredis');
const group = "flowcraft's BullMQ adapter, Redis";
const concurrency = 100;
let queues = 0;

/** Resolves when the expected number of runs have their final result in Redis. */
class CountingAdapter extends BullMQAdapter {
  #finished = 0;
  #expected = Number.POSITIVE_INFINITY;
  #settle;

  async publishFinalResult(runId, result) {
    await super.publishFinalResult(runId, result);
    if (result.status !== 'completed') this.#settle.reject(new Error(`flowcraft's run ${runId} ${result.status}`));
    if (++this.#finished === this.#expected) this.#settle.resolve();
  }

  completionOf(runs) {
    this.#expected = runs;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }
}

send([
  await rateOf('chains', 'chains of ten nodes', chain(10), quick ? 20 : 200),
  await rateOf('fans', 'fan-out 50 and fan-in', fan(50), quick ? 2 : 20),
]);

async function rateOf(key, name, graph, runs) {
  const value = await medianOfRuns(() => sampleOf(graph, runs));
  return rate(`flowcraft.redis.${key}`, group, `${name}, concurrency ${concurrency}`, value);
}

/** Nodes per second, from the start of the worker to the completion of the last run. */
async function sampleOf(graph, runs) {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  await connection.flushall();
  let executed = 0;
  const flow = flowOf(graph, async ({ input }) => {
    executed++;
    return { output: typeof input === 'number' ? input + 1 : 1 };
  });
  const blueprint = flow.toBlueprint();
  const registry = Object.fromEntries(flow.getFunctionRegistry());
  const { options } = new FlowRuntime({ blueprints: { [graph.id]: blueprint }, registry, logger: new NullLogger() });
  const coordinationStore = new RedisCoordinationStore(connection);
  const queueName = `bench-${++queues}`;
  const adapter = new CountingAdapter({ runtimeOptions: options, coordinationStore, connection, queueName });
  for (let run = 0; run < runs; run++) {
    const context = adapter.createContext(`run-${run}`);
    await context.set('blueprintId', graph.id);
    await context.set('blueprintVersion', null);
    await adapter.enqueueJob({ runId: `run-${run}`, blueprintId: graph.id, nodeId: graph.nodes[0] });
  }
  globalThis.gc();
  const start = performance.now();
  adapter.start();
  adapter.worker.concurrency = concurrency;
  await adapter.completionOf(runs);
  const duration = performance.now() - start;
  const expected = runs * graph.nodes.length;
  if (executed !== expected) throw new Error(`flowcraft executed ${executed} nodes, expected ${expected}`);
  await adapter.close();
  await connection.quit();
  return (expected * 1e3) / duration;
}

function flowOf({ id, nodes, edges }, work) {
  const flow = createFlow(id);
  for (const node of nodes) flow.node(node, work);
  for (const [source, target] of edges) flow.edge(source, target);
  return flow;
}
