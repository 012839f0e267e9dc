import { Flow, FlowRuntime, type NodeArgs, withAction } from 'orchestrator/flow';
import type { AnyFlow } from './journals.js';
import { isTakenUpAgain, step } from './world.js';

/* Small flows, each with one kind of step. Every execution of a node adds one to `total` in the context. */

type Total = { total: number };
type Node = (input: unknown, args: NodeArgs) => unknown;

const merge = { total: (current: never, written: never, base: never) => current + written - base };
export const runtime = new FlowRuntime();

/** A node that records its execution, and returns its input with its name. */
const counted: Node = async (input, { context, nodeId, visit }) => {
  await step(`${nodeId}#${visit}`);
  (context as Total).total++;
  return { [nodeId]: input ?? null };
};

/** A node whose input depends on the order of events, so its output does not include the input. */
const first: Node = async (_input, args) => counted('first', args);

/** A node that records its execution, also in a sub-flow, whose context has no total. */
const ended: Node = async (input, { context, nodeId, visit }) => {
  await step(`${nodeId}#${visit}`);
  (context as Partial<Total>).total = ((context as Partial<Total>).total ?? 0) + 1;
  return [nodeId, input ?? null];
};

const failing: Node = async (input, args) => {
  await counted(input, args);
  throw new Error('failed');
};

const again: Node = async (input, args) => {
  await counted(input, args);
  return withAction(args.visit < 2 ? 'again' : 'done', args.visit);
};

/** A node that fails until the run is retried. */
const failingOnce: Node = async (input, args) => {
  const output = await counted(input, args);
  if (isTakenUpAgain()) return output;
  throw new Error('not yet');
};

/** A node that fails at its first attempt. */
const flaky: Node = async (input, args) => {
  const output = await counted(input, args);
  if (args.attempt === 1) throw new Error('not yet');
  return output;
};

const flow = (id: string) => new Flow<Record<string, unknown>>(id, { merge } as never);
const loose = (built: unknown) => built as AnyFlow;
const quick = { minTimeout: 0, maxTimeout: 0 };

/** A wait that is followed by `b` if its event comes in time, and by `c` if it expires. */
const expiring = (id: string) =>
  flow(id)
    .wait('go', { timeout: 50 })
    .node('b', ended)
    .node('c', ended)
    .edge('go', 'b')
    .edge('go', 'c', { action: 'timeout' });

export const flows = {
  'a chain of three': loose(
    flow('chain').node('a', counted).node('b', counted).node('c', counted).edge('a', 'b').edge('b', 'c'),
  ),
  'a join of all': loose(
    flow('all')
      .node('a', counted)
      .node('b', counted)
      .node('join', counted, { joinStrategy: 'all' })
      .edge('a', 'join')
      .edge('b', 'join'),
  ),
  'a join of any': loose(
    flow('any')
      .node('a', counted)
      .node('b', counted)
      .node('join', first, { joinStrategy: 'any' })
      .edge('a', 'join')
      .edge('b', 'join'),
  ),
  'a fork and a join': loose(
    flow('diamond')
      .node('a', counted)
      .node('b', counted)
      .node('c', counted)
      .node('join', counted)
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('b', 'join')
      .edge('c', 'join'),
  ),
  'a fork beside a node': loose(
    flow('beside')
      .node('x', counted)
      .node('a', counted)
      .node('b', counted)
      .node('c', counted)
      .edge('a', 'b')
      .edge('a', 'c'),
  ),
  'a fallback': loose(
    flow('fallback')
      .node('risky', failing, { fallback: 'safe' })
      .node('safe', counted)
      .node('after', counted)
      .edge('risky', 'after'),
  ),
  'a fallback that two nodes share': loose(
    flow('shared')
      .node('a', failing, { fallback: 'safe' })
      .node('b', failing, { fallback: 'safe' })
      .node('safe', counted)
      .node('join', counted)
      .edge('a', 'join')
      .edge('b', 'join'),
  ),
  'a loop of two turns': loose(
    flow('loop')
      .node('turn', counted)
      .node('check', again)
      .node('end', counted)
      .edge('turn', 'check')
      .edge('check', 'turn', { action: 'again' })
      .edge('check', 'end', { action: 'done' }),
  ),
  'a node that is tried again': loose(
    flow('retry')
      .node('a', flaky, { retry: { retries: 1, ...quick } })
      .node('b', counted)
      .edge('a', 'b'),
  ),
  'a node that is tried again later': loose(
    flow('later')
      .node('a', flaky, { retry: { retries: 1, minTimeout: 50, maxTimeout: 50 } })
      .node('b', counted)
      .edge('a', 'b'),
  ),
  'a node that fails': loose(flow('failure').node('a', failing).node('b', counted).node('c', counted).edge('a', 'c')),
  'a clean-up and an alarm': loose(
    flow('after')
      .node('a', failing)
      .node('b', counted)
      .node('never', counted)
      .node('close', counted, { joinStrategy: 'settled' })
      .node('alarm', counted, { joinStrategy: 'failed' })
      .edge('a', 'never')
      .edge('never', 'close')
      .edge('b', 'close')
      .edge('a', 'alarm'),
  ),
  'a clean-up after a node that fails once': loose(
    flow('after once')
      .node('a', failingOnce)
      .node('close', first, { joinStrategy: 'settled' })
      .node('b', counted)
      .edge('a', 'close')
      .edge('a', 'b'),
  ),
  'a node that fails once': loose(
    flow('once').node('a', failingOnce).node('b', counted).node('c', counted).edge('a', 'c'),
  ),
  'a wait': loose(flow('wait').node('a', counted).wait('go').node('b', counted).edge('a', 'go').edge('go', 'b')),
  'a wait beside a node': loose(flow('beside').wait('go').node('a', counted).node('b', counted).edge('go', 'b')),
  'a wait that expires': loose(expiring('expires')),
  'a wait that expires beside a node': loose(expiring('expiresBeside').node('d', counted)),
  'a wait that expires in a sub-flow': loose(
    flow('expiresInside')
      .node('sub', expiring('inside') as never)
      .node('last', counted)
      .edge('sub', 'last'),
  ),
  'a sleep beside a node': loose(
    flow('sleep')
      .sleep('nap', { duration: 50 } as never)
      .node('a', counted)
      .node('b', counted)
      .edge('nap', 'b'),
  ),
};
