// A node as a class, with three phases: `prep` collects the input, `exec` does the work, `post` chooses the next node.
// Retry and timeout apply to `exec`. When all attempts have failed, `fallback` returns the result. Nodes can also be
// linked directly.
import assert from 'node:assert/strict';
import { DryRunExecutor, Flow, Node, type NodeArgs } from 'orchestrator/flow';

interface Kitchen {
  guests: number;
  eggs: number;
}

const lines: string[] = [];

class Count extends Node<Kitchen> {
  override prep({ context }: NodeArgs<Kitchen>) {
    return { needed: context.guests * 2, there: context.eggs };
  }

  override exec({ prepRes: { needed, there } }: NodeArgs) {
    return Math.max(0, needed - there);
  }

  /** The returned action chooses the next node. */
  override post({ execRes }: NodeArgs) {
    return execRes > 0 ? 'shop' : 'cook';
  }
}

class Shop extends Node<Kitchen> {
  override exec({ attempt, params }: NodeArgs): number {
    lines.push(`${params.shop}, attempt ${attempt}: closed`);
    throw new Error('closed');
  }

  override fallback({ error, input }: NodeArgs): number {
    lines.push(`${(error as Error).message}: ${input} eggs from the neighbour`);
    return input;
  }

  override post({ context, execRes }: NodeArgs<Kitchen>) {
    context.eggs += execRes;
  }
}

class Cook extends Node<Kitchen> {
  constructor(private readonly dish: string) {
    super();
  }

  override exec({ context }: NodeArgs<Kitchen>) {
    return `${this.dish} of ${context.eggs} eggs`;
  }
}

// In a graph, by id: either a class, of which each execution creates an instance, or an instance.
const flow = new Flow<Kitchen>('breakfast')
  .node('count', Count)
  .node('shop', Shop, {
    after: { count: 'shop' },
    retry: { retries: 1, minTimeout: 1 },
    params: { shop: 'the dairy' },
  })
  .node('cook', new Cook('omelette'), { after: { count: 'cook', shop: true }, joinStrategy: 'any' });
const result = await flow.run({ guests: 3, eggs: 2 });
console.log(lines, result.output);
assert.deepEqual(lines, [
  'the dairy, attempt 1: closed',
  'the dairy, attempt 2: closed',
  'closed: 4 eggs from the neighbour',
]);
assert.equal(result.output, 'omelette of 6 eggs');

// The same flow as links from a start node. The ids of the nodes are the names of their classes.
const count = new Count();
const cook = new Cook('pancakes');
count.next(cook, 'cook');
count.next(new Shop(), 'shop').next(cook);
const linked = new Flow<Kitchen>(count);
const enough = await linked.run({ guests: 1, eggs: 5 });
console.log(enough.output, enough.completed);
assert.equal(enough.output, 'pancakes of 5 eggs');
assert.deepEqual(enough.completed, ['Count', 'Cook']);

// A dry run goes through the nodes without executing them.
const { steps } = await new DryRunExecutor().run(flow, { guests: 3, eggs: 2 });
console.log(steps);
assert.deepEqual(
  steps.map(({ nodeId }) => nodeId),
  ['count', 'cook'],
);
