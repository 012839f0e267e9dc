import { setTimeout as sleep } from 'node:timers/promises';
import { type Flow, FlowRuntime, type WorkflowResult } from 'orchestrator/flow';
import { type Effect, noting } from './ledger.js';
import type { StartedRun } from './story.js';

/** What comes of a flow in process. */
export interface Expected {
  readonly status: WorkflowResult['status'];
  readonly digest: string;
  /** The effects of nodes that have completed, without the id of the run. */
  readonly effects: readonly string[];
}

const known = new Map<string, Promise<Expected>>();

/** What a run has to come to: what the same flow comes to in process. */
export function expectedOf({ plan, context }: StartedRun, flow: Flow): Promise<Expected> {
  const { ms: _ms, block: _block, ...rest } = context as { ms?: number; block?: number };
  const name = JSON.stringify([plan.workflow, plan.version, rest, plan.story === 'signalled' ? plan.payload : null]);
  let expected = known.get(name);
  if (expected === undefined) {
    const signals = plan.workflow === 'gate' ? [1, 2].map((number) => ({ number, payload: plan.payload })) : [];
    expected = inProcess(flow, rest, signals);
    if (known.size < 5_000) known.set(name, expected);
  }
  return expected;
}

async function inProcess(flow: Flow, context: object, signals: readonly unknown[]) {
  const effects: Effect[] = [];
  const runtime = new FlowRuntime({ registry: flow.registry, middleware: [noting((effect) => effects.push(effect))] });
  let result: WorkflowResult = await runtime.run(flow, context, { runId: 'run' });
  for (const signal of signals) result = await runtime.resume(flow, result, { events: { go: signal } });
  while (result.awaiting.some(({ until }) => until !== undefined)) {
    await sleep(50);
    result = await runtime.resume(flow, result);
  }
  const done = effects.map(({ key }) => withoutRun(key)).filter((key) => result.completed.includes(nodeOf(key)));
  return { status: result.status, digest: digest(result), effects: [...new Set(done)] };
}

/** What a result says of the flow, and not of the way that it went. */
export function digest({ status, output, context, completed, skipped, errors }: WorkflowResult): string {
  const failures = errors.map(({ nodeId, recoveredBy }) => `${nodeId} ${recoveredBy}`);
  // A node that fails at its edges has left its output in process, and not on a fleet.
  const kept = ([key]: [string, unknown]) => key === 'count' || key === 'life' || completed.includes(key);
  return canonical({
    status,
    output: status === 'completed' ? output : null,
    context: Object.fromEntries(Object.entries(context).filter(kept)),
    completed: [...completed].sort(),
    skipped: [...skipped].sort(),
    failures: failures.sort(),
  });
}

/** The key of an effect without its first part, which names the run. */
export function withoutRun(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

function nodeOf(key: string): string {
  return decodeURIComponent(key.slice(0, key.indexOf('/')));
}

/** The same text for the same value, whatever the order of its keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
