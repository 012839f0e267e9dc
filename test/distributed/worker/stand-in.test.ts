import { type Engine, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow, FlowRuntime, GraphTraverser, NodeError } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import type { WorkItem } from '../../../src/distributed/journal/ledger.js';
import type { RunHandle } from '../../../src/distributed/run/run-handle.js';
import { openRun } from '../../../src/distributed/run/run-handles.js';
import { Sharing } from '../../../src/distributed/worker/sharing.js';
import { WorkItemJournal } from '../../../src/distributed/worker/work-item-journal.js';
import { stateFor } from '../../../src/distributed/worker/work-item-state.js';
import { Workflows } from '../../../src/distributed/workflows/workflows.js';
import { FlowServices } from '../../../src/flow/execution/services.js';
import { settle } from '../../../src/flow/execution/settle.js';
import { Cancellation } from '../../../src/kernel/cancellation.js';

/*
 * Two programs at work on one run, their steps put in an order that between machines comes about by chance.
 */

const flow = new Flow('f')
  .node('start', () => 1)
  .node('one', () => Promise.reject(new Error('one')), { fallback: 'safe' })
  .node('other', () => Promise.reject(new Error('other')), { fallback: 'safe' })
  .node('safe', () => 'saved')
  .edge('start', 'one')
  .edge('start', 'other');

class Program {
  private constructor(
    private readonly workflows: Workflows,
    readonly handle: RunHandle,
  ) {}

  static async on(engine: Engine): Promise<Program> {
    const workflows = new Workflows([flow], new FlowRuntime());
    return new Program(workflows, await openRun(engine, workflows, 'run'));
  }

  /** @param afterwards - called after an entry was committed, before the effects of the entry */
  async end(nodeId: string, output?: string, afterwards: () => void | Promise<void> = () => {}): Promise<void> {
    const { handle } = this;
    const { replica, workflow } = handle;
    const item = replica.ledger.get(workflow.plan.indexOf(nodeId)) as WorkItem;
    const own = stateFor(handle, item);
    const sharing = new Sharing(1);
    const until = new Cancellation([], false);
    const holder = { workerId: 'worker', job: 'job', maxPayload: 1_000, sharing, until, mayHold: true };
    const journal = new WorkItemJournal(handle, holder, own, item);
    const append = journal.append.bind(journal);
    journal.append = (...args) => append(...args).then(afterwards);
    own.state.journal = journal;
    const services = new FlowServices(this.workflows.toolbox, {} as never);
    const advance = { traverser: new GraphTraverser(workflow.blueprint, replica.position), state: own.state, services };
    const execution =
      output === undefined
        ? ({ status: 'failed', error: new NodeError(nodeId, 1, new Error(nodeId)) } as const)
        : ({ status: 'success', result: { output }, attempts: 1 } as const);
    await settle(advance, nodeId, execution);
    own.view.close();
  }
}

it('a fallback that completes on another worker while the node fails stands in for it with its output', async () => {
  const engine = memory();
  const orchestrator = new OrchestratorBuilder().engine(engine).workflow(flow).build();
  await orchestrator.startRun({}, undefined, { runId: 'run' });
  const here = await Program.on(engine);
  await here.end('start', 'started');
  await here.end('one');
  const there = await Program.on(engine);

  // The worker dies as soon as the fallback has completed, before it stands in for a node.
  const dies = () => Promise.reject(new Error('died'));
  await here.end('other', undefined, async () => {
    await there.handle.refresh();
    await expect(there.end('safe', 'saved', dies)).rejects.toThrow('died');
    await here.handle.refresh();
  });

  const { replica, codec } = here.handle;
  const context = Object.fromEntries([...replica.values.entries()].map(([key, text]) => [key, codec.decode(text)]));
  expect(context).toEqual({ start: 'started', safe: 'saved', one: 'saved', other: 'saved' });
  await orchestrator.close();
});
