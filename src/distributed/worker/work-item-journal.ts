import { randomUUID } from 'node:crypto';
import { Journal } from '../../flow/checkpoint/index.js';
import { messageOf } from '../../flow/errors.js';
import { SerializationError } from '../../flow/index.js';
import {
  type Changes,
  type Entry,
  type InNode,
  isMergeable,
  type Merges,
  plainError,
  type RunHappening,
  type SavedRun,
  type StateJournal,
  type WorkflowState,
} from '../../flow/run/index.js';
import type { Cancellation } from '../../kernel/cancellation.js';
import { cleaned } from '../../shared/text.js';
import type { RunChange, Verdict } from '../contracts.js';
import { type EngineError, RunNotFoundError, SupersededError, WorkflowChangedError } from '../errors.js';
import { conclusionAfter } from '../journal/conclusion.js';
import type { Execution, NodeEntry, StepEntry } from '../journal/entry.js';
import type { WorkItem } from '../journal/ledger.js';
import { isPassing } from '../run/patience.js';
import type { RunHandle } from '../run/run-handle.js';
import { activeStatuses } from '../run-info.js';
import type { Beginning, Sharing } from './sharing.js';
import type { WorkItemView } from './work-item-state.js';
import { type Ended, fieldOf, WorkItemTexts } from './work-item-texts.js';

/**
 * Maximum number of attempts per round, and maximum number of steps per claim. The numbers within slots are computed
 * from both.
 */
const mostAttempts = 2 ** 26;
const mostSteps = 2 ** 22;

/** The worker and the job that execute a work item. */
export interface Holder {
  readonly workerId: string;
  readonly job: string;
  /** Maximum size of a text, in bytes. */
  readonly maxPayload: number;
  readonly sharing: Sharing;
  /** Ends the retries of calls that the engine could not carry out. */
  readonly until: Cancellation;
  /** If true, ends of repeatable nodes may be held back until the next node has ended. */
  readonly mayHold: boolean;
}

/**
 * A claim of a work item. Steps inside the node are committed under a claim, so that only the latest holder of the item
 * can add steps.
 */
interface Claim {
  readonly id: string;
  /** The number of the first step minus one. Later claims have higher numbers. */
  readonly base: number;
}

/**
 * The journal to which the flow layer writes during an execution. Each event becomes an entry of the run's journal. If
 * the run refuses an entry, the execution ends with a `SupersededError`.
 *
 * Calls that the engine could not carry out are retried as long as the execution lasts, because the node is not to
 * blame. If the execution is aborted first, later events of the node do not count, because they may be consequences of
 * the engine's failure.
 */
export class WorkItemJournal implements StateJournal {
  readonly #began: Beginning;
  /** The basis on which the execution began; see `EarlyEntries`. */
  readonly #basis: number;
  readonly #texts: WorkItemTexts;
  #claimed: Promise<Claim> | undefined = undefined;
  #steps = 0;
  #failure: { readonly error: unknown } | undefined = undefined;
  /** The engine's errors, by the entry whose commit is being retried. Undefined in most executions. */
  #heldUp: Map<object, EngineError> | undefined = undefined;

  /** @param item - the work item that is executed. Default: none, for a fallback that replaces a failed node */
  constructor(
    private readonly handle: RunHandle,
    private readonly holder: Holder,
    private readonly own: WorkItemView,
    private readonly item?: WorkItem,
  ) {
    this.#began = holder.sharing.begin();
    this.#basis = handle.basis;
    this.#texts = new WorkItemTexts(handle, holder.maxPayload);
  }

  /**
   * The engine's error, if a commit of this execution failed or is being retried. The node may fail because of this
   * error, for instance by a timeout. Once read, the error is kept, because everything that follows may be a
   * consequence.
   */
  get failure(): { readonly error: unknown } | undefined {
    const [error] = this.#heldUp?.values() ?? [];
    if (error !== undefined) this.#failure ??= { error };
    return this.#failure;
  }

  append(happening: RunHappening): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    switch (happening.type) {
      case 'item':
      case 'started':
      case 'child':
        return this.#step(happening);
      case 'delivered':
        // Signals and times are entries of the run, which no execution of a node makes.
        return Promise.reject(new RangeError(`"${happening.nodeId}" cannot end its wait while it is executed`));
      case 'concluded':
      case 'retried':
        return Promise.reject(new RangeError(`the run cannot be ${happening.type} by the execution of a node`));
      default:
        return this.#end(happening);
    }
  }

  lookAgain(): void {
    const { replica, codec } = this.handle;
    this.own.view.moveTo(replica.values.asOf(replica.seq, codec));
  }

  openInner(key: string, inner: WorkflowState, merges: Merges): StateJournal {
    const write = (entry: Entry, apply: () => void) => this.append({ type: 'child', key, entry }).then(apply);
    return new Journal(inner, this.handle.serializer, merges, write, this);
  }

  /**
   * Commits a step inside the node. The first step claims the item, so that an earlier execution can add no further
   * steps.
   */
  async #step(happening: InNode<unknown, SavedRun, Entry>): Promise<void> {
    const item = this.item as WorkItem;
    this.#claimed ??= this.#claim(item);
    const { id, base } = await this.#claimed;
    const common = { node: this.#idOf(item.node), round: item.round, claim: id };
    // Because of the slot, a repeated step counts once. The steps of a claim are committed in the order of their
    // numbers.
    const commit = async (entry: StepEntry) => {
      const slot = `s${this.handle.replica.numbering.placeOf(item.node)}`;
      await this.#commit(entry, slot, base + ++this.#steps);
    };
    switch (happening.type) {
      case 'item': {
        const output = this.#texts.write(happening.output, `item ${happening.index}`);
        const { index, changes } = happening;
        for (const [key, text] of Object.entries(changes?.set ?? {})) this.#texts.checkKey(key, text);
        await commit({ ...common, type: 'item', index, output, ...(changes && { changes }) });
        return;
      }
      case 'started':
        await commit({
          ...common,
          type: 'started',
          key: happening.key,
          run: this.#texts.write(happening.run, 'context'),
        });
        return;
      case 'child':
        await commit({
          ...common,
          type: 'child',
          key: happening.key,
          entry: this.#texts.write(happening.entry, 'happening'),
        });
    }
  }

  async #claim({ node, round }: WorkItem): Promise<Claim> {
    const id = randomUUID();
    const verdict = await this.#commit({ node: this.#idOf(node), round, claim: id, type: 'claimed' });
    return { id, base: Number(verdict) * mostSteps };
  }

  /** Commits the end of an execution. */
  async #end(happening: Ended): Promise<void> {
    const { replica } = this.handle;
    const node = replica.position.plan.indexOf(happening.nodeId);
    const isOwn = this.item?.node === node && !('recoveredBy' in happening && happening.recoveredBy !== undefined);
    const execution = this.#execution(node, happening.nodeId, isOwn);
    const place = replica.numbering.placeOf(node);
    const slot = isOwn ? `n${place}` : `r${place}`;
    const number = isOwn ? execution.round * mostAttempts + execution.attempt : replica.roundOf(node);
    const write = (ended: Ended, changes: Changes) => {
      const entry = this.#texts.entryOf(ended, { ...execution, ...changes }, isOwn);
      const conclusion = isOwn ? this.#conclusion(entry, node) : undefined;
      if (isOwn && conclusion === undefined && this.#isRepeatable(entry, node)) return this.#hold(entry, slot, number);
      return this.#commit(entry, slot, number, conclusion);
    };
    try {
      await write(happening, happening.type === 'completed' ? this.#changes(happening.nodeId) : {});
    } catch (error) {
      if (!('error' in happening) || !(error instanceof SerializationError)) throw error;
      // The engine refused the text of the failure, so a short, plain error is recorded instead.
      await write({ ...happening, error: { ...happening.error, cause: plainError(happening.error.cause) } }, {});
    }
  }

  /** Returns true if the end of a node need not be committed before the next node begins, as far as is known so far. */
  #isRepeatable(entry: NodeEntry, node: number): boolean {
    const { position, ledger, memory } = this.handle.replica;
    const { plan } = position;
    if (!this.holder.mayHold || plan.nodes[node]?.config?.repeatable !== true) return false;
    if (entry.type !== 'completed' || ledger.size !== 1 || memory.has('awaiting') || plan.owners.has(node))
      return false;
    const arcs = entry.targets?.length ?? (plan.outFrom[node + 1] as number) - (plan.outFrom[node] as number);
    return arcs === 1;
  }

  /**
   * Applies the end of a node before it is committed, so that this job can go on with the next node. Commits the end at
   * once if anything else follows from it.
   */
  async #hold(entry: NodeEntry, slot: string, number: number): Promise<unknown> {
    const { handle, holder } = this;
    const patience = { until: holder.until };
    const commit = { entry, slot, number, during: activeStatuses, patience, basis: this.#basis };
    if (!handle.hold(commit)) return this.#commit(entry, slot, number);
    const [next, ...others] = handle.replica.ledger.values();
    if (next?.kind === 'node' && next.job === holder.job && others.length === 0) return undefined;
    if (await handle.flush()) return undefined;
    throw new SupersededError(handle.runId, `is ${handle.status}`);
  }

  #execution(node: number, nodeId: string, isOwn: boolean): Execution {
    const { position } = this.handle.replica;
    const { job, workerId, sharing } = this.holder;
    const ms = Math.round((performance.now() - this.#began.at) * 1000) / 1000;
    if (isOwn) sharing.end(position.plan, node, this.#began);
    const together = !sharing.isOff && this.#mayShare(node) ? sharing.after(position.plan, node) : 1;
    return {
      node: nodeId,
      visit: position.visitOf(node),
      round: isOwn ? (this.item as WorkItem).round : this.handle.replica.roundOf(node),
      attempt: isOwn
        ? (this.item as WorkItem).attempt
        : (this.handle.replica.memory.failures.get(nodeId)?.attempts ?? 1),
      job,
      worker: workerId,
      ms,
      ...(together > 1 ? { together } : {}),
    };
  }

  /** Returns true if the end of a node may make several nodes ready, or one while the job carries others. */
  #mayShare(node: number): boolean {
    const { ledger, position } = this.handle.replica;
    const { outFrom } = position.plan;
    return (
      (outFrom[node + 1] as number) - (outFrom[node] as number) > 1 || ledger.carriedBy(this.holder.job).length > 1
    );
  }

  /** Returns the change to the run if this entry turns out to be its last entry. */
  #conclusion(entry: NodeEntry, node: number): RunChange | undefined {
    const { replica } = this.handle;
    if (entry.type === 'failed') return conclusionAfter(replica, node, entry);
    // The schema of the output may be async, so the run is concluded after this entry.
    if (entry.type !== 'completed' || this.handle.workflow.schemas.output !== undefined) return undefined;
    return conclusionAfter(replica, node, entry, replica.numbering.arcsOf(entry.node, entry));
  }

  /** Returns the node's changes to the context. Only keys that can be merged include their base. */
  #changes(nodeId: string): Changes {
    const { codec, workflow } = this.handle;
    const { merges } = workflow;
    const { set = {}, base = {}, removed } = this.own.view.changes(nodeId);
    for (const [key, text] of Object.entries(set)) this.#texts.checkKey(key, text);
    const merged = Object.entries(base).filter(
      ([key, text]) => Object.hasOwn(merges, key) || isMergeable(codec.decode(text, fieldOf(key))),
    );
    return {
      ...(Object.keys(set).length > 0 ? { set } : {}),
      ...(merged.length > 0 ? { base: Object.fromEntries(merged) } : {}),
      ...(removed === undefined ? {} : { removed }),
    };
  }

  /**
   * Commits an entry. Retries while the engine cannot carry out the commit.
   *
   * @throws {SerializationError} if the engine refuses the entry because of its content, or fails with an error other
   *   than an `EngineError`; the node fails with this error
   */
  async #commit(
    entry: NodeEntry | StepEntry,
    slot?: string,
    number?: number,
    becomesIfNext?: RunChange,
  ): Promise<Verdict> {
    const onFailure = (error: EngineError) => {
      this.#heldUp ??= new Map();
      this.#heldUp.set(entry, error);
    };
    const patience = { until: this.holder.until, onFailure };
    const commit = { entry, slot, number, becomesIfNext, during: activeStatuses, patience, basis: this.#basis };
    try {
      const verdict = await this.handle.commit(commit);
      if (verdict !== 'refused') return verdict;
      throw new SupersededError(this.handle.runId, `is ${this.handle.status}`);
    } catch (cause) {
      if (isOfRun(cause) || isPassing(cause)) {
        this.#failure ??= { error: cause };
        throw cause;
      }
      throw new SerializationError('', `cannot be kept: ${cleaned(messageOf(cause), 500)}`, { cause });
    } finally {
      this.#heldUp?.delete(entry);
    }
  }

  #idOf(node: number): string {
    return this.handle.replica.position.plan.idOf(node);
  }
}

/** Returns true if the error means that the run accepts no more entries of this execution. */
function isOfRun(error: unknown): boolean {
  return [SupersededError, RunNotFoundError, WorkflowChangedError].some((Class) => error instanceof Class);
}
