// An executor decides where a flow runs: in this program, behind a queue, on another machine. This custom executor
// limits the number of concurrent runs; further runs wait. The flow does not need to know.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AbstractNode,
  type Context,
  Flow,
  FlowRuntime,
  type IExecutor,
  type RunOptions,
  type WorkflowResult,
} from 'orchestrator/flow';

class Line implements IExecutor {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(
    private readonly runtime: FlowRuntime,
    places: number,
  ) {
    this.#free = places;
  }

  async run(flow: Flow, context?: Context, options?: RunOptions): Promise<WorkflowResult> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      return await this.runtime.run(flow, context, { ...options, executor: this });
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  getNextNode(node: AbstractNode, action: unknown): AbstractNode | undefined {
    return this.runtime.getNextNode(node, action);
  }
}

let riding = 0;
let most = 0;
const flow = new Flow<{ name: string }>('carousel')
  .node('ride', async (_input, { context }) => {
    most = Math.max(most, ++riding);
    await sleep(5);
    riding--;
    return `${context.name} was on the horse`;
  })
  .node('leave', (story) => `${story}.`, { after: 'ride' });

const executor = new Line(new FlowRuntime(), 2);
const names = ['Ada', 'Grace', 'Alan', 'Joan', 'Edsger'];
const results = await Promise.all(names.map((name) => flow.run({ name }, { executor })));

console.log(results.map(({ output }) => output));
console.log(`at most ${most} at a time`);
assert.deepEqual(
  results.map(({ output }) => output),
  names.map((name) => `${name} was on the horse.`),
);
assert.equal(most, 2);
