import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { Flow, type NodeArgs, withAction } from 'orchestrator/flow';
import { flows as faultFlows } from '../distributed/faults/fixtures/flows.js';
import { cases } from '../flow/random-graphs.js';
import { built } from '../flow/scripted-flow.js';

/*
 * The flows of the soak: those of the fault tests, some for what those leave out, and random graphs. All of them give the
 * same output for the same context, whoever executes them and how often.
 */

/** The context of the flows that are here alone. */
interface Shared {
  /** Executions that count. */
  count: number;
  /** Tells runs that had one id after each other apart. */
  readonly life?: number;
  /** How long nodes take, in milliseconds. In process: no time. */
  readonly ms?: number;
  /** For how many milliseconds a node blocks the event loop. */
  readonly block?: number;
}

const merge = { count: (current: number, written: number, base: number) => current + written - base };
const options = { merge, version: '1' };

/** If true, nodes take no time: what comes of a flow is to be known, not how it gets there. */
const isQuick = process.env.SOAK === undefined;

async function step(input: unknown, { context, signal, nodeId, visit }: NodeArgs<Shared>): Promise<unknown> {
  const { ms = 0, block = 0, life = 0 } = context;
  if (!isQuick && ms > 0) await sleep(ms, undefined, { signal });
  if (!isQuick && block > 0) blockFor(block);
  context.count += 1;
  return { by: `${nodeId}#${visit}`, life, input: input ?? null };
}

function blockFor(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** Its output says which of the runs of its id it is of. */
const charge = new Flow<Shared>('charge', options).node('charge', step).node('receipt', step).edge('charge', 'receipt');

/** Waits for a signal, then for another of the same name, and gives what came with them. */
const gate = new Flow<Shared>('gate', options)
  .node('before', step)
  .wait('first', { event: 'go' })
  .wait('second', { event: 'go' })
  .node('after', step, { inputs: { first: 'first', second: 'second' } })
  .edge('before', 'first')
  .edge('first', 'second')
  .edge('second', 'after');

/** Waits for a time. */
const nap = new Flow<Shared>('nap', options)
  .node('before', step)
  .sleep('nap', { duration: 400 })
  .node('after', step)
  .edge('before', 'nap')
  .edge('nap', 'after');

/** Waits for what does not come. */
const never = new Flow<Shared>('never', options).node('before', step).wait('never').edge('before', 'never');

/** Goes round five times. */
const turns = new Flow<Shared>('turns', options)
  .node('turn', step)
  .node('check', async (input, args: NodeArgs<Shared>) => {
    const output = await step(input, args);
    return withAction(args.visit < 5 ? 'again' : 'done', { ...Object(output), input: null });
  })
  .node('end', step)
  .edge('turn', 'check')
  .edge('check', 'turn', { action: 'again' })
  .edge('check', 'end', { action: 'done' });

/** Carries outputs that are not small. */
const heavy = new Flow<Shared>('heavy', options)
  .node('make', async (_input, args: NodeArgs<Shared>) => ({
    ...Object(await step(null, args)),
    text: 'x'.repeat(20_000),
  }))
  .node('left', step)
  .node('right', step)
  .node('end', async (input, args: NodeArgs<Shared>) => {
    await step(null, args);
    return JSON.stringify(input).length;
  })
  .edge('make', 'left')
  .edge('make', 'right')
  .edge('left', 'end')
  .edge('right', 'end');

const shapes = { cycles: true, fallbacks: true, failures: true };

/** The same graphs for the same seed. */
function randomFlows(seed: number, count = 12): Flow[] {
  return fc.sample(cases(shapes), { seed, numRuns: count }).map((one, number) => {
    const { flow } = built(one, ['at once', 'a microtask', 1]);
    return new Flow(`random ${number}`, { version: '1' }).load(flow.toBlueprint(), flow.registry);
  });
}

/** All flows of a seed. */
export function allFlows(seed: number): Flow[] {
  return [...faultFlows, charge, gate, nap, never, turns, heavy, ...randomFlows(seed)] as unknown as Flow[];
}
