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
import type { Item } from '../journal/ledger.js';
import { isPassing } from '../run/patience.js';
import type { RunHandle } from '../run/run-handle.js';
import { activeStatuses } from '../run-info.js';
import type { ItemState } from './item-state.js';
import { type Ended, fieldOf, ItemTexts } from './item-texts.js';

/** Attempts of one round, and steps of one claim, for the numbers of slots. */
const mostAttempts = 2 ** 26;
const mostSteps = 2 ** 22;

/** How an item is executed: by whom, and under which job. */
export interface Holder {
  readonly workerId: string;
  readonly job: string;
  /** How large a text may be, in bytes. */
  readonly maxPayload: number;
  /** Until when what the engine cannot do is tried again. */
  readonly until: Cancellation;
}

/** A claim of an item: what is done inside it is set down under one. */
interface Claim {
  readonly id: string;
  /** The number of its first step, less one; later claims have higher ones. */
  readonly base: number;
}

/**
 * Where the flow layer writes down what happens in an execution: it becomes entries of the run's journal. An entry that
 * the run does not take any more ends the execution with a `SupersededError`.
 *
 * What the engine cannot do is tried again for as long as the execution goes on: the node is not to blame. Where that ends
 * first, nothing that the node does afterwards counts, since it may be a consequence.
 */
export class ItemJournal implements StateJournal {
  readonly #began = performance.now();
  readonly #texts: ItemTexts;
  #claimed: Promise<Claim> | undefined = undefined;
  #steps = 0;
  #failure: { readonly error: unknown } | undefined = undefined;
  /** Failures of the engine after which commits are being tried again; most executions see none. */
  #heldUp: Map<object, EngineError> | undefined = undefined;

  /** @param item - what is executed. Default: edges are followed for nodes that have ended */
  constructor(
    private readonly handle: RunHandle,
    private readonly holder: Holder,
    private readonly own: ItemState,
    private readonly item?: Item,
  ) {
    this.#texts = new ItemTexts(handle, holder.maxPayload);
  }

  /**
   * A node that fails while the engine holds it up may fail because of that: by a timeout, say. It is asked for where
   * something has failed, and stays from then on: what comes of the execution is a consequence.
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

  /** Something is done inside the node. Whoever executes it first claims it, so that nobody from before adds to it. */
  async #step(happening: InNode<unknown, SavedRun, Entry>): Promise<void> {
    const item = this.item as Item;
    this.#claimed ??= this.#claim(item);
    const { id, base } = await this.#claimed;
    const common = { node: this.#idOf(item.node), round: item.round, claim: id };
    // A step counts once, also where its answer was lost. Steps of a claim are committed in the order of their numbers.
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

  async #claim({ node, round }: Item): Promise<Claim> {
    const id = randomUUID();
    const verdict = await this.#commit({ node: this.#idOf(node), round, claim: id, type: 'claimed' });
    return { id, base: Number(verdict) * mostSteps };
  }

  /** A node has ended. */
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
      return this.#commit(entry, slot, number, isOwn ? this.#conclusion(entry, node) : undefined);
    };
    try {
      await write(happening, happening.type === 'completed' ? this.#changes(happening.nodeId) : {});
    } catch (error) {
      if (!('error' in happening) || !(error instanceof SerializationError)) throw error;
      // A failure is recorded whatever the engine refuses: then in short texts alone.
      await write({ ...happening, error: { ...happening.error, cause: plainError(happening.error.cause) } }, {});
    }
  }

  #execution(node: number, nodeId: string, isOwn: boolean): Execution {
    const { position } = this.handle.replica;
    const { job, workerId } = this.holder;
    return {
      node: nodeId,
      visit: position.visitOf(node),
      round: isOwn ? (this.item as Item).round : this.handle.replica.roundOf(node),
      attempt: isOwn ? (this.item as Item).attempt : (this.handle.replica.memory.failures.get(nodeId)?.attempts ?? 1),
      job,
      worker: workerId,
      ms: Math.round((performance.now() - this.#began) * 1000) / 1000,
    };
  }

  /** How the run stands if this is its last entry. */
  #conclusion(entry: NodeEntry, node: number): RunChange | undefined {
    const { replica } = this.handle;
    if (entry.type === 'failed') return conclusionAfter(replica, node, entry);
    if (entry.type !== 'completed') return undefined;
    return conclusionAfter(replica, node, {
      ...entry,
      output: entry.output,
      arcs: replica.numbering.arcsOf(entry.node, entry),
    });
  }

  /** What the node has changed besides its own output. What is not merged needs no base. */
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
   * Commits an entry, again and again where the engine cannot do it.
   *
   * @throws {SerializationError} for an entry that cannot be kept: the engine refuses it for what it holds, or fails in a
   *   way that is no `EngineError`; the node fails with it
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
    const commit = { entry, slot, number, becomesIfNext, during: activeStatuses, patience };
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

/** If true, the run does not take entries of this execution any more. */
function isOfRun(error: unknown): boolean {
  return [SupersededError, RunNotFoundError, WorkflowChangedError].some((Class) => error instanceof Class);
}
