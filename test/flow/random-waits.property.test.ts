import {
  DefaultSerializer,
  MemoryCheckpointStore,
  RunToCompletionOrchestrator,
  type WorkflowResult,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { fromOrder, planOf } from '../../src/flow/plan/index.js';
import { Position } from '../../src/flow/plan/position.js';
import type { SavedRun } from '../../src/flow/run/saved.js';
import fc from '../properties.js';
import { counted, expectOrder, expectSame } from './compare.js';
import { later, useFakeDate } from './fake-date.js';
import { type ModelResult, modelRun } from './model.js';
import { fallbacksOf, type ModelEdge, type ModelNode } from './model-loops.js';
import { type Case, cases, scriptOf } from './random-graphs.js';
import { built, hour, type Log, type Pace, paces, payloadOf } from './scripted-flow.js';

/* Random graphs with waits and sleeps, some of which expire, and joins of every kind. */

const numRuns = Number(process.env.FLOW_RUNS ?? 200);

useFakeDate();

/** The model without the waits, of which the log knows nothing. */
function ofNodes({ executions, order, ...result }: ModelResult, { graph }: Case): ModelResult {
  const waits = new Set(graph.nodes.flatMap(({ id, waits }) => (waits === undefined ? [] : [id])));
  return {
    ...result,
    executions: new Map([...executions].filter(([id]) => !waits.has(id))),
    order: new Map([...order].filter(([execution]) => !waits.has(execution.split('#')[0] as string))),
  };
}

/** Runs a case to its end. When nothing else can run, all waits end, and failed nodes are not tried again. */
async function runToEnd(one: Case, pace: readonly Pace[], slots: number | undefined) {
  const { flow, log, runtime } = built(one, pace);
  const options = slots === undefined ? {} : { concurrency: slots };
  const { traverser, executorFactory, state, services } = runtime.prepare(flow, {}, options);
  const orchestrator = new RunToCompletionOrchestrator();
  let result = await orchestrator.run(traverser, executorFactory, state, services);
  while (result.status === 'awaiting') {
    for (const { nodeId, expires } of [...result.awaiting]) {
      const visit = traverser.position.visitOf(traverser.position.plan.indexOf(nodeId));
      log.begin(`${nodeId}#${visit}`)();
      const isDue = expires === true && one.graph.nodes.some(({ id, waits }) => id === nodeId && waits === 'expiring');
      const events: Record<string, unknown> = isDue ? {} : { [nodeId]: payloadOf(one, nodeId, visit) };
      state.memory.deliver(nodeId, { events, time: Date.now(), due: isDue ? Date.now() : undefined });
    }
    state.memory.letGo();
    result = await orchestrator.run(traverser, executorFactory, state, services);
  }
  return { result, log };
}

function expectLikeModel(one: Case, result: WorkflowResult, log: Log): void {
  const expected = ofNodes(modelRun(one.graph, scriptOf(one)), one);
  expectSame(result, expected);
  const isNode = (execution: string) =>
    one.graph.nodes.some(({ id, waits }) => id === execution.split('#')[0] && waits === undefined);
  expect(counted(log.starts().filter(isNode))).toEqual(expected.executions);
  expectOrder(log, expected);
}

const concurrency = fc.constantFrom(1, 2, 3, undefined);

const shapes = {
  'acyclic graphs': cases({ waits: true }),
  'acyclic graphs with failures': cases({ waits: true, failures: true }),
  'graphs with fallbacks': cases({ waits: true, failures: true, fallbacks: true }),
  'graphs with loops': cases({ waits: true, cycles: true }),
  'graphs with loops, failures and fallbacks': cases({ waits: true, cycles: true, failures: true, fallbacks: true }),
};

describe.each(Object.entries(shapes))('%s, with waits', { timeout: 600_000 }, (_, arbitrary) => {
  it('run as the rules say, at any pace and concurrency', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, paces, concurrency, async (one, pace, slots) => {
        const { result, log } = await runToEnd(one, pace, slots);
        expectLikeModel(one, result, log);
      }),
      { numRuns },
    );
  });
});

const whole = { 'acyclic graphs': shapes['acyclic graphs'], 'graphs with loops': shapes['graphs with loops'] };

describe.each(Object.entries(whole))('%s, with waits', { timeout: 600_000 }, (_, arbitrary) => {
  it.each(['result', 'run id'])('run as the rules say when they are continued from the %s', async (from) => {
    await fc.assert(
      fc.asyncProperty(arbitrary, paces, async (one, pace) => {
        const { flow, log } = built(one, pace);
        const store = from === 'result' ? {} : { checkpoint: new MemoryCheckpointStore() };
        let result = await flow.run({}, { ...store, id: 'run' });
        while (result.status === 'awaiting') {
          later(hour);
          const events: Record<string, unknown> = {};
          const visitOf = visitsIn(one, result as WorkflowResult);
          for (const { nodeId, until = Infinity } of result.awaiting) {
            const visit = visitOf(nodeId);
            log.begin(`${nodeId}#${visit}`)();
            if (until > Date.now()) events[nodeId] = payloadOf(one, nodeId, visit);
          }
          result = await flow.continue(from === 'result' ? result : 'run', { ...store, events });
        }
        expectLikeModel(one, result as WorkflowResult, log);
      }),
      { numRuns },
    );
  });
});

/** Reads the visits of nodes from the snapshot of a result. */
function visitsIn(one: Case, { snapshot }: WorkflowResult): (nodeId: string) => number {
  const plan = planOf(built(one, ['at once']).flow.toBlueprint());
  const saved = new DefaultSerializer().deserialize(snapshot) as SavedRun;
  const position = new Position(plan, fromOrder(plan, saved.position));
  return (nodeId) => position.visitOf(plan.indexOf(nodeId));
}

/** A clean-up or an alarm, and a node that it follows. */
const aside = fc.record({ from: fc.nat({ max: 11 }), joinStrategy: fc.constantFrom('settled', 'failed') });

/** Adds asides to a graph. The edge to one changes nothing for a node that has an edge without an action, or none. */
function withAsides({ graph, steps }: Case, asides: readonly { from: number; joinStrategy: string }[]): Case {
  const nodes: ModelNode[] = [];
  const edges: ModelEdge[] = [];
  const all = graph.nodes.map(({ id }) => id);
  const fallbacks = fallbacksOf(graph);
  for (const [at, { from, joinStrategy }] of asides.entries()) {
    const source = all[from % all.length] as string;
    const own = graph.edges.filter((edge) => edge.source === source);
    const isFree = own.length === 0 || own.some(({ action, condition }) => action === undefined && !condition);
    const isExpiring = graph.nodes.some(({ id, waits }) => id === source && waits === 'expiring');
    if (!isFree || fallbacks.has(source) || (isExpiring && own.length === 0)) continue;
    nodes.push({ id: `aside${at}`, joinStrategy: joinStrategy as 'settled' });
    edges.push({ source, target: `aside${at}` });
  }
  return { graph: { nodes: [...graph.nodes, ...nodes], edges: [...graph.edges, ...edges] }, steps };
}

const acyclic = {
  'acyclic graphs': shapes['acyclic graphs'],
  'acyclic graphs with failures': shapes['acyclic graphs with failures'],
  'graphs with fallbacks': shapes['graphs with fallbacks'],
};

describe.each(Object.entries(acyclic))('%s, with waits', { timeout: 600_000 }, (_, arbitrary) => {
  it('have the same output with and without clean-up and alarms', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.array(aside, { minLength: 1, maxLength: 4 }), async (one, asides) => {
        const without = await runToEnd(one, ['at once'], undefined);
        const beside = await runToEnd(withAsides(one, asides), ['at once'], undefined);
        expect(beside.result.output).toEqual(without.result.output);
        const isOwn = (id: string) => !id.startsWith('aside');
        const failed = ({ errors }: WorkflowResult) => errors.map(({ nodeId }) => nodeId).filter(isOwn);
        expect(failed(beside.result)).toEqual(expect.arrayContaining(failed(without.result)));
      }),
      { numRuns },
    );
  });
});
