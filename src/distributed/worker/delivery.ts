import { checkChildrenOf } from '../../flow/checkpoint/index.js';
import { type Advance, FlowServices, settle, standInForAll, step } from '../../flow/execution/index.js';
import { GraphTraverser, NodeError, SerializationError, type WorkflowBlueprint } from '../../flow/index.js';
import type { WorkflowState } from '../../flow/run/index.js';
import { type Cancellation, untilAborted } from '../../kernel/cancellation.js';
import { currentScope, processOf } from '../../kernel/scope/process.js';
import { ValidationError } from '../../shared/errors.js';
import { checkedBy } from '../../shared/schema-check.js';
import { cleaned } from '../../shared/text.js';
import type { Delivery, Disposition } from '../contracts.js';
import { PayloadError, SupersededError, WorkerLostError } from '../errors.js';
import { longestReason, standInsOf } from '../journal/conclusion.js';
import type { WorkItem } from '../journal/ledger.js';
import { conclude } from '../run/conclude.js';
import { jobsOf, purgeDeadline, purgeTimers } from '../run/jobs.js';
import { longestWait } from '../run/options.js';
import { type Patience, patiently } from '../run/patience.js';
import type { RunHandle } from '../run/run-handle.js';
import { activeStatuses, isFinished } from '../run-info.js';
import { Deaths } from './deaths.js';
import type { Holding } from './holding.js';
import { SideBySide } from './side-by-side.js';
import { type Holder, WorkItemJournal } from './work-item-journal.js';
import { stateFor, type WorkItemView } from './work-item-state.js';

const none: ReadonlySet<number> = new Set();

/** A work item that is about to be executed, with its state. */
interface Prepared {
  readonly item: WorkItem;
  readonly own: WorkItemView;
}

/**
 * A job from its delivery until it is done. The job executes its work item, then the items that follow from it, one at
 * a time. Items that share the job are executed side by side (see `SideBySide`).
 *
 *     ┌► no item left ──► conclude the run, if it has no item left at all ──► done
 *     │  paused ────────► park the item ────────────────────────────────────► done
 *     ├─ scheduled ─────► the start has come: set the run to running
 *     ├─ input unchecked ► apply the schema of the workflow, or end the run
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
  /** The items whose jobs are being added to the queue. */
  readonly #enqueuing = new Set<WorkItem>();

  constructor(
    private readonly worker: Holding,
    private readonly handle: RunHandle,
    private readonly delivery: Delivery,
    /** Aborts when the run is cancelled, the job is taken back, or the worker stops. */
    private readonly signal: Cancellation,
  ) {
    const { workerId, maxPayload, sharing } = worker;
    // After a crash each end is committed on its own, so that the next crash counts for the right node.
    const mayHold = delivery.crashes === 0;
    this.#holder = { workerId, job: delivery.job.id, maxPayload, sharing, until: signal, mayHold };
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
      if (handle.isStale) await this.#patiently(() => handle.refresh());
      if (handle.replica.ledger.dropped.length > 0) await this.#purgeTimers();
      await this.#enqueueNew();
      if (this.signal.aborted) break;
      if (worker.isStopping) return this.#leave({ delay: 0 });
      if (standInsOf(handle.replica.position).length > 0) await this.#standIn();
      else {
        const disposition = await this.#handleNext();
        if (disposition !== undefined) return this.#leave(disposition);
      }
    }
    if (handle.replica.ledger.dropped.length > 0) await this.#purgeTimers();
    // The known status may be outdated, because the run may have been retried in the meantime.
    if (this.signal.aborted) await handle.refresh();
    if (isFinished(handle.status)) await this.#cleanUp();
    return this.#leave(this.signal.aborted && !isFinished(handle.status) ? { delay: 0 } : 'done');
  }

  /** Commits what has been held back before the job ends. If it cannot be committed, the job is given back. */
  #leave(disposition: Disposition): Disposition | Promise<Disposition> {
    if (this.handle.isStale) return { delay: 0 };
    if (!this.handle.hasEarly) return disposition;
    return this.handle.flush().then((isKept) => (isKept ? disposition : { delay: 0 }));
  }

  async #handleNext(): Promise<Disposition | undefined> {
    const carried = this.handle.replica.carriedBy(this.#holder.job);
    const items = carried.length > 1 ? this.#ready(none) : carried;
    if (items.length > 1) return this.#handleAll(items);
    const [item] = carried;
    return item === undefined ? this.#conclude() : this.#handle(item);
  }

  /**
   * Executes the items that share the job. If a worker has died with the job, nobody knows which item is to blame, so
   * that each item gets a job of its own.
   */
  async #handleAll([, ...others]: readonly WorkItem[]): Promise<undefined> {
    if (this.#deaths.unseen > 0) return this.#split(others);
    this.#dropPrepared();
    await new SideBySide({
      room: this.worker.room,
      items: (without) => this.#ready(without),
      next: (without) => this.#firstReady(without),
      execute: (item) => this.#execute(item, 'beside others'),
      split: (items) => this.#split(items),
    }).run();
  }

  /** Gives items that share the job jobs of their own. */
  async #split(items: readonly WorkItem[]): Promise<undefined> {
    const { handle } = this;
    const nodes = items.map(({ node }) => handle.workflow.plan.idOf(node));
    const entry = { type: 'split', nodes, job: this.#holder.job } as const;
    await handle.commit({ entry, during: activeStatuses, patience: this.#patience });
    await this.#enqueueNew();
  }

  /** Returns the items that can be executed at once, of those that the job carries, without those of some nodes. */
  #ready(without: ReadonlySet<number>): readonly WorkItem[] {
    if (!this.#mayExecute) return [];
    return this.handle.replica.carriedBy(this.#holder.job).filter((item) => this.#isReady(item, without));
  }

  #firstReady(without: ReadonlySet<number>): WorkItem | undefined {
    if (!this.#mayExecute) return undefined;
    return this.handle.replica.carriedBy(this.#holder.job).find((item) => this.#isReady(item, without));
  }

  get #mayExecute(): boolean {
    const { status, replica } = this.handle;
    const isExecutable = !isFinished(status) && status !== 'paused' && status !== 'scheduled' && !replica.isUnchecked;
    return isExecutable && !this.signal.aborted && !this.worker.isStopping;
  }

  #isReady(item: WorkItem, without: ReadonlySet<number>): boolean {
    return item.kind === 'node' && !without.has(item.node) && this.#leftOf(item) <= 0;
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
    if (handle.replica.isUnchecked) return this.#checkInput();
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
    const isIdle = isFinished(status) || status === 'paused' || this.handle.isStale;
    const items = isIdle ? [] : replica.ledger.carriedBy(this.#holder.job);
    const [item] = items.length === 1 ? items : [];
    return item?.kind === 'node' && this.#leftOf(item) <= 0 ? item : undefined;
  }

  /**
   * Throws if an execution has ended without an entry, because the item would otherwise be executed again in an endless
   * loop.
   */
  #checkProgress({ node }: WorkItem, { seq, basis }: { readonly seq: number; readonly basis: number }): void {
    const { replica, runId, status } = this.handle;
    if (replica.seq > seq || this.handle.basis !== basis || this.signal.aborted || isFinished(status)) return;
    throw new RangeError(`node "${replica.position.plan.idOf(node)}" of run "${runId}" has ended without an entry`);
  }

  /** Executes a node as a task of the kernel, as soon as the worker has room. */
  async #execute(item: WorkItem, how?: 'beside others'): Promise<undefined> {
    const { room } = this.worker;
    if (room?.take() === false) await room.turn();
    try {
      await this.#executeNow(item, how);
    } finally {
      room?.leave();
    }
    if (how !== undefined) await this.#enqueueNew();
  }

  async #executeNow(item: WorkItem, how?: 'beside others'): Promise<void> {
    const { handle, worker } = this;
    const { workflow } = handle;
    const before = { seq: handle.replica.seq, basis: handle.basis };
    const { own } = this.#prepared?.item === item ? this.#prepared : this.#prepare(item);
    this.#prepared = undefined;
    if (how === undefined) this.#enterState(own.state);
    const nodeId = workflow.plan.idOf(item.node);
    const ended = worker.activity.begin(handle, item, nodeId);
    try {
      this.#checkSubflows(own.state, nodeId);
      const work = () => step(this.#advance(own.state), item.node);
      await (how === undefined ? work() : this.#services.inProcess(own.state, async () => work()));
    } catch (error) {
      // The execution was aborted or superseded. The loop in #goOn checks the status of the run.
      if (!this.signal.aborted && !(error instanceof SupersededError)) throw error;
    } finally {
      if (this.delivery.signal.aborted) worker.alibis.cutShort(this.delivery);
      own.view.close();
      ended(this.#outcomeOf(item));
    }
    this.#checkProgress(item, before);
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
    this.#dropPrepared();
  }

  /**
   * Applies the schema of the workflow to the input of a run that was started without the code. The first worker to
   * finish decides; the run fails if the schema refuses the input.
   */
  async #checkInput(): Promise<undefined> {
    const { handle } = this;
    const { replica, codec, payloads, workflow } = handle;
    const common = { during: activeStatuses, slot: 'input', number: 1, patience: this.#patience };
    try {
      const given = codec.decode(replica.input, 'input');
      const schema = workflow.schemas.input;
      const checking = schema === undefined ? given : checkedBy(schema, given, 'input');
      const input = await untilAborted(this.signal, checking, () => {});
      await handle.commit({ ...common, entry: { type: 'input', input: payloads.encode(input, 'input') } });
    } catch (error) {
      const isRefusal = [ValidationError, SerializationError, PayloadError].some((Class) => error instanceof Class);
      // After an abort, the loop in #goOn checks the status of the run.
      if (this.signal.aborted) return;
      if (!isRefusal) throw error;
      const becomes = { status: 'failed', error: cleaned((error as Error).message, longestReason) } as const;
      const entry = { type: 'concluded', status: 'failed' } as const;
      await handle.commit({ entry, during: activeStatuses, becomes, patience: this.#patience });
    }
    this.#dropPrepared();
  }

  /** Drops the prepared state, which a commit that is not about its item has made out of date. */
  #dropPrepared(): void {
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

  /** Enqueues the items that this job has made ready, and that other jobs carry. */
  async #enqueueNew(): Promise<void> {
    const { handle } = this;
    const { ledger } = handle.replica;
    const items = ledger.unqueuedUnder(this.#holder.job).filter((item) => !this.#enqueuing.has(item));
    if (items.length === 0) return;
    const { queue } = this.worker.engine;
    for (const item of items) this.#enqueuing.add(item);
    try {
      await this.#patiently(() => queue.enqueue(jobsOf(items, handle.record, handle.now)));
      for (const item of items) ledger.queued(item);
    } finally {
      for (const item of items) this.#enqueuing.delete(item);
    }
  }

  #patiently<Result>(work: () => Promise<Result>): Promise<Result> {
    return patiently({ ...this.#patience, onFailure: this.handle.onTrouble }, work);
  }

  async #purgeTimers(): Promise<void> {
    await this.#patiently(() => purgeTimers(this.worker.engine.queue, this.handle));
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
