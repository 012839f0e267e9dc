import { checkChildrenOf } from '../../flow/checkpoint/index.js';
import { type Advance, FlowServices, settle, standInForAll, step } from '../../flow/execution/index.js';
import { GraphTraverser, NodeError, type WorkflowBlueprint } from '../../flow/index.js';
import type { WorkflowState } from '../../flow/run/index.js';
import type { Cancellation } from '../../kernel/cancellation.js';
import { currentScope, processOf } from '../../kernel/process.js';
import type { Delivery, Disposition } from '../contracts.js';
import { SupersededError, WorkerLostError } from '../errors.js';
import { standInsOf } from '../journal/conclusion.js';
import type { Item } from '../journal/ledger.js';
import { conclude } from '../run/conclude.js';
import { jobOf, purgeDeadline } from '../run/jobs.js';
import { longestWait } from '../run/options.js';
import { type Patience, patiently } from '../run/patience.js';
import type { RunHandle } from '../run/run-handle.js';
import { isFinished } from '../run-info.js';
import { Deaths } from './deaths.js';
import type { Holding } from './holding.js';
import { type Holder, ItemJournal } from './item-journal.js';
import { type ItemState, stateFor } from './item-state.js';

/** A node, and what it is executed with. */
interface Prepared {
  readonly item: Item;
  readonly own: ItemState;
}

/**
 * One job, from its delivery until it is done: an item, and those that follow from it one at a time.
 *
 *     ┌► nothing carried ──► conclude the run, if nothing is left in it ──► done
 *     │  paused ───────────► put the item aside ──────────────────────────► done
 *     ├─ scheduled ────────► its time has come: the run is running
 *     │  stopping ─────────► the job goes back
 *     └─ item ─► execute ─► commit ─► enqueue what else has come about ─┐
 *     ▲                                                                 │
 *     └─────────────────────────────────────────────────────────────────┘
 *
 * It may end anywhere, by a crash: then the job is delivered again, finds in the journal what was committed, enqueues what
 * may not have been, and goes on with the item that it carries now.
 */
export class JobRun {
  readonly #holder: Holder;
  /** What the engine cannot do is tried again for as long as the job is held. */
  readonly #patience: Patience;
  readonly #services: FlowServices;
  /** Sleeps are counted by the engine's clock. */
  readonly #clock = () => Math.ceil(this.handle.now);
  readonly #deaths: Deaths;
  /** What the process has been begun with. */
  #prepared: Prepared | undefined = undefined;

  constructor(
    private readonly worker: Holding,
    private readonly handle: RunHandle,
    private readonly delivery: Delivery,
    /** Ends what is executed: the run was stopped, the job was taken back, the worker is to end. */
    private readonly signal: Cancellation,
  ) {
    const { workerId, maxPayload } = worker;
    this.#holder = { workerId, job: delivery.job.id, maxPayload, until: signal };
    this.#patience = { until: signal };
    this.#deaths = new Deaths(worker, handle, delivery, signal);
    const { toolbox } = worker.workflows;
    // A cancellation stands in for a signal, which costs more than all the rest of a trivial node.
    const options = { serializer: toolbox.serializer, signal: signal as unknown as AbortSignal };
    this.#services = new FlowServices(toolbox, options);
  }

  /** What is executed in one go is one process of the kernel, each node a task in it with a state of its own. */
  run(): Promise<Disposition> {
    const item = this.#executable();
    if (item === undefined) return this.#goOn();
    this.#prepared = this.#prepare(item);
    return this.#services.inProcess(this.#prepared.own.state, () => this.#goOn());
  }

  async #goOn(): Promise<Disposition> {
    const { handle, worker } = this;
    while (!isFinished(handle.status)) {
      const unqueued = handle.replica.ledger.unqueuedUnder(this.#holder.job);
      if (unqueued.length > 0) await this.#enqueue(unqueued);
      if (this.signal.aborted) break;
      if (worker.isStopping) return { delay: 0 };
      if (standInsOf(handle.replica.position).length > 0) await this.#standIn();
      else {
        const item = handle.replica.ledger.carriedBy(this.#holder.job);
        const disposition = item === undefined ? await this.#conclude() : await this.#handle(item);
        if (disposition !== undefined) return disposition;
      }
    }
    // That a run is over may be old news: it may have been taken up again since.
    if (this.signal.aborted) await handle.refresh();
    if (isFinished(handle.status)) await this.#cleanUp();
    return this.signal.aborted && !isFinished(handle.status) ? { delay: 0 } : 'done';
  }

  /** @returns what becomes of the job, if that is clear now */
  #handle(item: Item): Promise<Disposition | undefined> | Disposition {
    const { handle } = this;
    if (handle.status === 'paused') return this.#park(item);
    const left = this.#leftOf(item);
    if (left > 0) return { delay: Math.min(Math.ceil(left), longestWait) };
    if (handle.status === 'scheduled') return this.#begin(item);
    if (item.kind === 'wake') return this.#wake(item);
    return this.#deaths.unseen > 0 ? this.#executeAgain(item) : this.#execute(item);
  }

  /** Milliseconds before an item is due, by the engine's clock. Queues go by clocks that may be wrong. */
  #leftOf({ due }: Item): number {
    const { status, record, now } = this.handle;
    return Math.max(due, status === 'scheduled' ? record.startAt : 0) - now;
  }

  /** The node that is next, if one is. */
  #executable(): Item | undefined {
    const { status, replica } = this.handle;
    const item = isFinished(status) || status === 'paused' ? undefined : replica.ledger.carriedBy(this.#holder.job);
    return item?.kind === 'node' && this.#leftOf(item) <= 0 ? item : undefined;
  }

  /** What was not done, nor aborted, would be done again at once, for ever. */
  #checkProgress({ node }: Item, seq: number): void {
    const { replica, runId, status } = this.handle;
    if (replica.seq > seq || this.signal.aborted || isFinished(status)) return;
    throw new RangeError(`node "${replica.position.plan.idOf(node)}" of run "${runId}" has ended without an entry`);
  }

  /** One node, as a task of the kernel. */
  async #execute(item: Item): Promise<undefined> {
    const { handle, worker } = this;
    const { workflow } = handle;
    const { seq } = handle.replica;
    const { own } = this.#prepared?.item === item ? this.#prepared : this.#prepare(item);
    this.#prepared = undefined;
    this.#enterState(own.state);
    const nodeId = workflow.plan.idOf(item.node);
    const ended = worker.activity.begin(handle, item, nodeId);
    try {
      this.#checkSubflows(own.state, nodeId);
      await step(this.#advance(own.state), item.node);
    } catch (error) {
      // Aborted, or the run does not take it any more: the loop will see how the run stands.
      if (!this.signal.aborted && !(error instanceof SupersededError)) throw error;
    } finally {
      if (this.delivery.signal.aborted) worker.alibis.cutShort(this.delivery);
      own.view.close();
      ended(this.#outcomeOf(item));
    }
    this.#checkProgress(item, seq);
    return undefined;
  }

  /** Sub-flows that cannot go on here, because theirs is another graph, are for other workers, and no failure of the node. */
  #checkSubflows(state: WorkflowState, nodeId: string): void {
    if (!state.memory.has('inner')) return;
    const { workflow, codec } = this.handle;
    checkChildrenOf(nodeId, this.worker.workflows.toolbox.linkedBefore(workflow.blueprint), state, codec);
  }

  #prepare(item: Item): Prepared {
    const own = stateFor(this.handle, item);
    own.state.clock = this.#clock;
    own.state.journal = new ItemJournal(this.handle, this.#holder, own, item);
    return { item, own };
  }

  /** From here on, what asks the process for its state gets that of this node. */
  #enterState(state: WorkflowState): void {
    const process = processOf(this.worker.workflows.toolbox.core, currentScope());
    if (process !== undefined) process.state = state.getContext();
  }

  /** The time of a scheduled run has come: the run is running from now on, not from its first result on. */
  async #begin({ node, round }: Item): Promise<undefined> {
    const { handle, delivery } = this;
    const entry = {
      type: 'claimed',
      node: handle.workflow.plan.idOf(node),
      round,
      claim: delivery.job.id,
    } as const;
    await handle.commit({ entry, during: ['scheduled'], becomes: { status: 'running' }, patience: this.#patience });
    // The item is another one now.
    this.#prepared?.own.view.close();
    this.#prepared = undefined;
  }

  /** How an execution has come out, as far as counts go. */
  #outcomeOf({ node, round, attempt }: Item): 'completed' | 'failed' | 'retried' | undefined {
    const { position, ledger } = this.handle.replica;
    const item = ledger.get(node);
    if (item?.round === round && item.attempt === attempt) return undefined;
    if (item?.round === round && item.attempt > attempt) return 'retried';
    const status = position.statusOf(node);
    return status === 'failed' || status === 'recovering' ? 'failed' : 'completed';
  }

  /** Fallbacks stand in for nodes that have failed since, or whose worker has died in between. */
  async #standIn(): Promise<void> {
    const { handle } = this;
    const own = stateFor(handle);
    own.state.journal = new ItemJournal(handle, this.#holder, own);
    const advance = this.#advance(own.state);
    try {
      await this.#services.inProcess(own.state, () => standInForAll(advance));
    } catch (error) {
      if (!(error instanceof SupersededError)) throw error;
    } finally {
      own.view.close();
    }
  }

  /** The worker has died that held the job before: see `Deaths`. */
  async #executeAgain(item: Item): Promise<Disposition | undefined> {
    switch (await this.#deaths.attempt(item, () => this.#execute(item))) {
      case 'too many':
        return this.#giveUp(item);
      case 'later':
        return { delay: this.worker.untilAlone.delayOf(this.delivery.job.id) };
      default:
        return undefined;
    }
  }

  /** Workers die in it: it fails, so that its fallback or nobody runs, and the queue goes on. */
  async #giveUp(item: Item): Promise<undefined> {
    this.#deaths.unseen = 0;
    this.#prepared = undefined;
    const nodeId = this.handle.workflow.plan.idOf(item.node);
    const { own } = this.#prepare(item);
    const cause = new WorkerLostError(nodeId, this.worker.maxCrashes);
    const failed = { status: 'failed', error: new NodeError(nodeId, item.attempt, cause) } as const;
    try {
      await settle(this.#advance(own.state), nodeId, failed);
    } catch (error) {
      if (!(error instanceof SupersededError)) throw error;
    } finally {
      own.view.close();
    }
  }

  async #wake({ node, round }: Item): Promise<undefined> {
    const { handle } = this;
    const nodeId = handle.workflow.plan.idOf(node);
    const entry = { type: 'due', node: nodeId, round, job: this.#holder.job } as const;
    const becomes = { status: 'running' } as const;
    const slot = `w${handle.replica.numbering.placeOf(node)}`;
    const patience = this.#patience;
    await handle.commit({ entry, during: ['running', 'awaiting'], slot, number: round, becomes, patience });
  }

  async #park({ node, round }: Item): Promise<undefined> {
    const entry = { type: 'parked', node: this.handle.workflow.plan.idOf(node), round } as const;
    await this.handle.commit({ entry, during: ['paused'], patience: this.#patience });
  }

  /** Nothing is left for this job; where nothing is left for the run, that is set down. */
  async #conclude(): Promise<Disposition | undefined> {
    const { handle } = this;
    const waits = handle.status === 'awaiting' || handle.status === 'paused';
    return waits || (await conclude(handle, this.#patience)) === 'nothing to say' ? 'done' : undefined;
  }

  async #enqueue(items: readonly Item[]): Promise<void> {
    const { handle } = this;
    const { ledger } = handle.replica;
    const { queue } = this.worker.engine;
    await this.#patiently(() => queue.enqueue(items.map((item) => jobOf(item, handle.record, handle.now))));
    for (const item of items) ledger.queued(item);
  }

  #patiently<Result>(work: () => Promise<Result>): Promise<Result> {
    return patiently({ ...this.#patience, onFailure: this.handle.onTrouble }, work);
  }

  async #cleanUp(): Promise<void> {
    await this.#patiently(() => purgeDeadline(this.worker.engine.queue, this.handle.record));
  }

  #advance(state: Advance['state']): Advance {
    const { blueprint } = this.handle.workflow;
    const traverser = new GraphTraverser(blueprint as WorkflowBlueprint, this.handle.replica.position);
    return { traverser, state, services: this.#services };
  }
}
