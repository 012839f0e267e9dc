// A custom engine. The shortest way is to wrap an existing engine and change a part of it: this one counts the commits
// of each run and reports slow ones. (An engine on another database implements all contracts, and is tested with the
// conformance suite of orchestrator/distributed/testing.)
import assert from 'node:assert/strict';
import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import type { Engine } from 'orchestrator/distributed/engine';
import { Flow } from 'orchestrator/flow';

interface Counting extends Engine {
  readonly commits: ReadonlyMap<string, number>;
}

/** Each store refers to its engine, so that a builder can check that all parts belong together. */
function counting(engine: Engine): Counting {
  const commits = new Map<string, number>();
  const counted: Counting = {
    name: `counting ${engine.name}`,
    commits,
    queue: ownedBy(engine.queue),
    contextStore: ownedBy(engine.contextStore),
    runInfoStore: ownedBy(engine.runInfoStore),
    metricsStore: ownedBy(engine.metricsStore),
    errorStore: ownedBy(engine.errorStore),
    livenessStore: ownedBy(engine.livenessStore),
    workItemStateStore: ownedBy(engine.workItemStateStore),
    checkpointStore: ownedBy(engine.checkpointStore),
    workflowStore: ownedBy(engine.workflowStore),
    open: () => engine.open(),
    begin: (run) => engine.begin(run),
    commit(runId, known, entries) {
      commits.set(runId, (commits.get(runId) ?? 0) + entries.length);
      return engine.commit(runId, known, entries);
    },
    subscribe: (listener) => engine.subscribe(listener),
    close: () => engine.close(),
  };
  return counted;

  function ownedBy<Store extends object>(store: Store): Store {
    return new Proxy(store, {
      get(target, name) {
        if (name === 'engine') return counted;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}

const flow = new Flow('sum')
  .node('left', () => 2)
  .node('right', () => 3)
  .node('sum', ({ left, right }) => left + right, { after: ['left', 'right'] });

const engine = counting(memory());
const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
const worker = new DistributedWorker({ engine, workflows: [flow] });
await worker.start();

const runId = await orchestrator.startRun();
const { output } = await orchestrator.waitForCompletion(runId);
console.log(`${output}, in ${engine.commits.get(runId)} commits`);
assert.equal(output, 5);
// One commit per node. The completion of the run is part of the last commit.
assert.equal(engine.commits.get(runId), 3);

await worker.stop();
await orchestrator.close();
await engine.close();
