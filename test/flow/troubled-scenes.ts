import { Flow, type NodeArgs, withAction } from 'orchestrator/flow';
import { turns } from '../../src/distributed/testing/lateness.js';
import type { AnyFlow, Scene, Site } from './scene.js';

/* Small flows that together cover everything that a run may save, with troubles at every call. */

type Act = (args: NodeArgs, mark: string, input: unknown) => unknown;

function acting(site: Site) {
  return (act: Act = (_args, mark) => mark, pace = 0) =>
    async (input: unknown, args: NodeArgs) => {
      const mark = await site.begin(args, input);
      const output = act(args, mark, input);
      await turns(pace);
      await site.end(mark);
      return output;
    };
}

/** Parallel nodes that write to the same keys, and a node that changes the output of another. */
const siblings: Scene = {
  context: { log: [], tally: {} },
  build: (site) => {
    const node = acting(site);
    const adds: Act = ({ context, nodeId }, mark) => {
      context.log.push(mark);
      context.tally[nodeId] = mark;
      return { mark };
    };
    const changes: Act = ({ context, nodeId }, mark) => {
      context.a[`changed by ${nodeId}`] = mark;
      context[`key of ${nodeId}`] = mark;
      context.log.push(mark);
      return mark;
    };
    const sees: Act = ({ context }, mark) => ({ mark, log: context.log.toSorted(), a: { ...context.a } });
    return new Flow('siblings')
      .node('a', node(adds))
      .node('b', node(adds, 3))
      .node('c', node(changes, 1))
      .node('d', node(changes, 2))
      .node('e', node(sees))
      .edge('a', 'c')
      .edge('a', 'd')
      .edge('b', 'e')
      .edge('c', 'e')
      .edge('d', 'e') as unknown as AnyFlow;
  },
};

/** A loop with a batch, a sub-flow and a fallback. */
const loop: Scene = {
  context: { log: [] },
  fails: (mark) => mark.includes(':risky#'),
  build: (site) => {
    const node = acting(site);
    const adds: Act = ({ context }, mark) => {
      context.log.push(mark);
      return mark;
    };
    const turn: Act = ({ context, visit }, mark) => {
      context.log.push(mark);
      context.turn = visit;
      return withAction(visit < 3 ? 'again' : 'on', { mark, visit });
    };
    const fails: Act = ({ context }, mark) => {
      context.log.push(`${mark} has failed`);
      throw new RangeError('risky');
    };
    const inner = new Flow('inner')
      .node('x', node(adds))
      .node(
        'y',
        node((_args, mark, input) => [mark, input].join()),
      )
      .edge('x', 'y');
    return new Flow('loop')
      .node('begin', node(adds))
      .node('turn', node(turn))
      .batch('each', node(adds, 1) as never, { items: '[1.0, 2.0, 3.0]', concurrency: 2 })
      .node('sub', inner, { inputs: { log: 'log' } })
      .node('risky', node(fails), { fallback: 'rescue' })
      .node('rescue', node(adds))
      .node('end', node(adds))
      .edge('begin', 'turn')
      .edge('turn', 'each', { action: 'again' })
      .edge('each', 'turn')
      .edge('turn', 'sub', { action: 'on' })
      .edge('sub', 'risky')
      .edge('risky', 'end') as unknown as AnyFlow;
  },
};

/** Waits, one of them in a sub-flow, in parallel with running nodes. */
const waits: Scene = {
  context: { log: [] },
  build: (site) => {
    const node = acting(site);
    const adds: Act = ({ context, input }, mark) => {
      context.log.push(`${mark} after ${JSON.stringify(input)}`);
      return mark;
    };
    const inner = new Flow('inner')
      .node(
        'x',
        node((_args, mark) => mark),
      )
      .wait('approval')
      .node(
        'y',
        node((_args, mark, input) => `${mark} ${input}`),
      )
      .edge('x', 'approval')
      .edge('approval', 'y');
    return new Flow('waits')
      .node('a', node(adds))
      .node('sub', inner)
      .wait('b')
      .node('c', node(adds, 2))
      .node('end', node(adds))
      .edge('a', 'sub')
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('sub', 'end')
      .edge('b', 'end')
      .edge('c', 'end') as unknown as AnyFlow;
  },
};

/** Waits that expire or are answered long before that, one of them in a sub-flow. */
const expiring: Scene = {
  context: { log: [] },
  build: (site) => {
    const node = acting(site);
    const adds: Act = ({ context }, mark, input) => {
      context.log.push(`${mark} after ${JSON.stringify(input)}`);
      return mark;
    };
    const says: Act = (_args, mark, input) => `${mark} ${input}`;
    const inner = new Flow('inner')
      .node('x', node(says))
      .wait('approval', { timeout: 3_600_000 })
      .node('y', node(says))
      .node('z', node(says))
      .edge('x', 'approval')
      .edge('approval', 'y')
      .edge('approval', 'z', { action: 'timeout' });
    return new Flow('expiring')
      .node('a', node(adds))
      .node('sub', inner)
      .wait('b', { timeout: 5 })
      .node('c', node(adds))
      .node('d', node(adds))
      .node('end', node(adds))
      .edge('a', 'sub')
      .edge('a', 'b')
      .edge('b', 'c')
      .edge('b', 'd', { action: 'timeout' })
      .edge('sub', 'end')
      .edge('c', 'end')
      .edge('d', 'end') as unknown as AnyFlow;
  },
};

export const everything = {
  'nodes side by side': siblings,
  'a loop with a batch, a sub-flow and a fallback': loop,
  'waits, one of them in a sub-flow': waits,
  'waits that expire': expiring,
};
