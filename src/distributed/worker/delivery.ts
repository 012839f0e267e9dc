import { checkChildrenOf } from '../../flow/checkpoint/index.js';
import { type Advance, FlowServices, settle, standInForAll, step } from '../../flow/execution/index.js';
import { GraphTraverser, NodeError, type WorkflowBlueprint } from '../../flow/index.js';
import type { WorkflowState } from '../../flow/run/index.js';
import type { Cancellation } from '../../kernel/cancellation.js';
import { currentScope, processOf } from '../../kernel/process.js';
import type { Delivery, Disposition } from '../contracts.js';
import { SupersededError, WorkerLostError } from '../errors.js';
import { standInsOf } from '../journal/conclusion.js';
import type { WorkItem } from '../journal/ledger.js';
import { conclude } from '../run/conclude.js';
import { jobOf, purgeDeadline } from '../run/jobs.js';
import { longestWait } from '../run/options.js';
import { type Patience, patiently } from '../run/patience.js';
import type { RunHandle } from '../run/run-handle.js';
import { isFinished } from '../run-info.js';
import { Deaths } from './deaths.js';
import type { Holding } from './holding.js';
import { type Holder, WorkItemJournal } from './work-item-journal.js';
import { stateFor, type WorkItemView } from './work-item-state.js';

/** A work item that is about to be executed, with its state. */
interface Prepared {
  readonly item: WorkItem;
  readonly own: WorkItemView;
}

/**
 * A job from its delivery until it is done. The job executes its work item, then the items that follow from it, one at
 * a time.
 *
 *     ┌► no item left ──► conclude the run, if it has no item left at all ──► done
 *     │  paused ────────► park the item ────────────────────────────────────► done
 *     ├─ scheduled ─────► the start has come: set the run to running
 *     │  stopping ──────► give the job back
 *     └─ item ─► execute ─► commit ─► enqueue other items that became ready ─┐
 *     ▲                                                                      │
 *     └──────────────────────────────────────────────────────────────────────┘
 *
 * A crash may end the job at any point. The job is then delivered again. It reads from the journal what was committed,
 * enqueues the items that may not have been enqueued, and continues with the item that it now carries.
 */
export class JobRun {
  readonly #holder: Holder;
  /** Retries calls that the engine could not carry out, as long as the job is held. */
  readonly #patience: Patience;
  readonly #services: FlowServices;
  /** The engine's clock, by which sleeps are measured. */
  readonly #clock = () => Math.ceil(this.handle.now);
  readonly #deaths: Deaths;
  /** The item with which the process was started and its state, until the item is executed. */
  #prepared: Prepared | undefined = undefined;

  constructor(
    private readonly worker: Holding,
    private readonly handle: RunHandle,
    private readonly delivery: Delivery,
    /** Aborts when the run is cancelled, the job is taken back, or the worker stops. */
    private readonly signal: Cancellation,
  ) {
    const { workerId, maxPayload } = worker;
    this.#holder = { workerId, job: delivery.job.id, maxPayload, until: signal };
    this.#patience = { until: signal };
    this.#deaths = new Deaths(worker, handle, delivery, signal);
    const { toolbox } = worker.workflows;
    // A cancellation is passed as the signal, because creating an AbortSignal costs more than executing a trivial node.
    const options = { serializer: toolbox.serializer, signal: signal as unknown as AbortSignal };
    this.#services = new FlowServices(toolbox, options);
  }

  /** Runs the job as one process of the kernel, in which each node is a task with its own state. */
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
    // The known status may be outdated, because the run may have been retried in the meantime.
    if (this.signal.aborted) await handle.refresh();
    if (isFinished(handle.status)) await this.#cleanUp();
    return this.signal.aborted && !isFinished(handle.status) ? { delay: 0 } : 'done';
  }

  /**
   * Handles an item.
   *
   * @returns the disposition of the job, or `undefined` if the job continues
   */
  #handle(item: WorkItem): Promise<Disposition | undefined> | Disposition {
    const { handle } = this;
    if (handle.status === 'paused') return this.#park(item);
    const left = this.#leftOf(item);
    if (left > 0) return { delay: Math.min(Math.ceil(left), longestWait) };
    if (handle.status === 'scheduled') return this.#begin(item);
    if (item.kind === 'wake') return this.#wake(item);
    return this.#deaths.unseen > 0 ? this.#executeAgain(item) : this.#execute(item);
  }

  /** Returns the milliseconds until an item is due, by the engine's clock. The queue may have used a wrong clock. */
  #leftOf({ due }: WorkItem): number {
    const { status, record, now } = this.handle;
    return Math.max(due, status === 'scheduled' ? record.startAt : 0) - now;
  }

  /** Returns the item that can be executed now, if any. */
  #executable(): WorkItem | undefined {
    const { status, replica } = this.handle;
    const item = isFinished(status) || status === 'paused' ? undefined : replica.ledger.carriedBy(this.#holder.job);
    return item?.kind === 'node' && this.#leftOf(item) <= 0 ? item : undefined;
  }

  /**
   * Throws if an execution has ended without an entry, because the item would otherwise be executed again in an endless
   * loop.
   */
  #checkProgress({ node }: WorkItem, seq: number): void {
    const { replica, runId, status } = this.handle;
    if (replica.seq > seq || this.signal.aborted || isFinished(status)) return;
    throw new RangeError(`node "${replica.position.plan.idOf(node)}" of run "${runId}" has ended without an entry`);
  }

  /** Executes a node as a task of the kernel. */
  async #execute(item: WorkItem): Promise<undefined> {
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
      // The execution was aborted or superseded. The loop in #goOn checks the status of the run.
      if (!this.signal.aborted && !(error instanceof SupersededError)) throw error;
    } finally {
      if (this.delivery.signal.aborted) worker.alibis.cutShort(this.delivery);
      own.view.close();
      ended(this.#outcomeOf(item));
    }
    this.#checkProgress(item, seq);
    return undefined;
  }

  /**
   * Checks that the node's sub-flows still have the graphs with which they were started. If a graph has changed, the
   * node does not fail, but must be executed by another worker.
   */
  #checkSubflows(state: WorkflowState, nodeId: string): void {
    if (!state.memory.has('inner')) return;
    const { workflow, codec } = this.handle;
    checkChildrenOf(nodeId, this.worker.workflows.toolbox.linkedBefore(workflow.blueprint), state, codec);
  }

  #prepare(item: WorkItem): Prepared {
    const own = stateFor(this.handle, item);
    own.state.clock = this.#clock;
    own.state.journal = new WorkItemJournal(this.handle, this.#holder, own, item);
    return { item, own };
  }

  /** Sets the state of the process to the state of the current node. */
  #enterState(state: WorkflowState): void {
    const process = processOf(this.worker.workflows.toolbox.core, currentScope());
    if (process !== undefined) process.state = state.getContext();
  }

  /** Sets a scheduled run to running when its start has come, before its first node is executed. */
  async #begin({ node, round }: WorkItem): Promise<undefined> {
    const { handle, delivery } = this;
    const entry = {
      type: 'claimed',
      node: handle.workflow.plan.idOf(node),
      round,
      claim: delivery.job.id,
    } as const;
    await handle.commit({ entry, during: ['scheduled'], becomes: { status: 'running' }, patience: this.#patience });
    // The commit has replaced the item, so the prepared state is out of date.
    this.#prepared?.own.view.close();
    this.#prepared = undefined;
  }

  /** Returns the outcome of an execution, for the counts of the worker. */
  #outcomeOf({ node, round, attempt }: WorkItem): 'completed' | 'failed' | 'retried' | undefined {
    const { position, ledger } = this.handle.replica;
    const item = ledger.get(node);
    if (item?.round === round && item.attempt === attempt) return undefined;
    if (item?.round === round && item.attempt > attempt) return 'retried';
    const status = position.statusOf(node);
    return status === 'failed' || status === 'recovering' ? 'failed' : 'completed';
  }

  /** Lets completed fallbacks replace failed nodes, if this has not been done or was interrupted by a crash. */
  async #standIn(): Promise<void> {
    const { handle } = this;
    const own = stateFor(handle);
    own.state.journal = new WorkItemJournal(handle, this.#holder, own);
    const advance = this.#advance(own.state);
    try {
      await this.#services.inProcess(own.state, () => standInForAll(advance));
    } catch (error) {
      if (!(error instanceof SupersededError)) throw error;
    } finally {
      own.view.close();
    }
  }

  /** Executes an item whose job was held by a worker that seems to have died; see `Deaths`. */
  async #executeAgain(item: WorkItem): Promise<Disposition | undefined> {
    switch (await this.#deaths.attempt(item, () => this.#execute(item))) {
      case 'too many':
        return this.#giveUp(item);
      case 'later':
        return { delay: this.worker.untilAlone.delayOf(this.delivery.job.id) };
      default:
        return undefined;
    }
  }

  /** Fails a node that keeps killing its workers, so that its fallback runs and the queue continues. */
  async #giveUp(item: WorkItem): Promise<undefined> {
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

  async #wake({ node, round }: WorkItem): Promise<undefined> {
    const { handle } = this;
    const nodeId = handle.workflow.plan.idOf(node);
    const entry = { type: 'due', node: nodeId, round, job: this.#holder.job } as const;
    const becomes = { status: 'running' } as const;
    const slot = `w${handle.replica.numbering.placeOf(node)}`;
    const patience = this.#patience;
    await handle.commit({ entry, during: ['running', 'awaiting'], slot, number: round, becomes, patience });
  }

  async #park({ node, round }: WorkItem): Promise<undefined> {
    const entry = { type: 'parked', node: this.handle.workflow.plan.idOf(node), round } as const;
    await this.handle.commit({ entry, during: ['paused'], patience: this.#patience });
  }

  /** Ends the job, which has no item left. If the whole run has no item left, first records how the run ends. */
  async #conclude(): Promise<Disposition | undefined> {
    const { handle } = this;
    const waits = handle.status === 'awaiting' || handle.status === 'paused';
    return waits || (await conclude(handle, this.#patience)) === 'nothing to say' ? 'done' : undefined;
  }

  async #enqueue(items: readonly WorkItem[]): Promise<void> {
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
