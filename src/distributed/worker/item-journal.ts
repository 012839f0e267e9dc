import { randomUUID } from 'node:crypto';
import type { Changes } from '../../flow/checkpoint/context-view.js';
import { Journal } from '../../flow/checkpoint/journal.js';
import { isMergeable, type Merges } from '../../flow/checkpoint/merge.js';
import type { Happening, SavedNodeError } from '../../flow/checkpoint/store.js';
import { messageOf } from '../../flow/errors.js';
import { SerializationError } from '../../flow/index.js';
import { plainError } from '../../flow/plain-error.js';
import type { StateJournal, WorkflowState } from '../../flow/state.js';
import { cleaned, cut } from '../../text.js';
import type { RunChange, Verdict } from '../contracts.js';
import { EngineError, PayloadError, SupersededError } from '../errors.js';
import { conclusionAfter } from '../journal/conclusion.js';
import type { Execution, NodeEntry } from '../journal/entry.js';
import type { Item } from '../journal/ledger.js';
import type { EntryCommit, RunHandle } from '../run/run-handle.js';
import { activeStatuses } from '../run-info.js';
import { copyAction, type ItemState } from './item-state.js';

/** Attempts of one round, for the numbers of slots. */
const mostAttempts = 2 ** 26;

/** How many characters of a key a message names. */
const longestKey = 100;

/** A node has ended, for now or for good. */
type Ended = Exclude<Happening, { type: 'item' | 'started' | 'child' }>;

/** How an item is executed: by whom, and under which job. */
export interface Holder {
  readonly workerId: string;
  readonly job: string;
  /** How large a text may be, in bytes. */
  readonly maxPayload: number;
}

/**
 * Where the flow layer writes down what happens in an execution: it becomes entries of the run's journal. An entry that
 * the run does not take any more ends the execution with a `SupersededError`.
 */
export class ItemJournal implements StateJournal {
  readonly #began = performance.now();
  #claim = '';
  #claimed: Promise<void> | undefined = undefined;

  /** @param item - what is executed. Default: edges are followed for nodes that have ended */
  constructor(
    private readonly handle: RunHandle,
    private readonly holder: Holder,
    private readonly own: ItemState,
    private readonly item?: Item,
  ) {}

  append(happening: Happening, apply: () => void): Promise<void> {
    switch (happening.type) {
      case 'item':
      case 'started':
      case 'child':
        return this.#step(happening).then(apply);
      default:
        return attempt(() => this.#end(happening));
    }
  }

  async openChild(key: string, child: WorkflowState, merges: Merges): Promise<StateJournal> {
    const journal = this.reopenChild(key, child, merges);
    await this.append({ type: 'started', key, run: child.save() }, () => this.own.state.children.set(key, child));
    return journal;
  }

  reopenChild(key: string, child: WorkflowState, merges: Merges): StateJournal {
    return new Journal(child, this.handle.serializer, merges, (entry, apply) =>
      this.append({ type: 'child', key, entry }, apply),
    );
  }

  /** Something is done inside the node. Whoever executes it first claims it, so that nobody from before adds to it. */
  async #step(happening: Extract<Happening, { type: 'item' | 'started' | 'child' }>): Promise<void> {
    const item = this.item as Item;
    this.#claim ||= randomUUID();
    const common = { node: this.#idOf(item.node), round: item.round, claim: this.#claim };
    this.#claimed ??= this.#commit({ entry: { ...common, type: 'claimed' } });
    await this.#claimed;
    switch (happening.type) {
      case 'item': {
        const output = this.#encode(happening.output, `item ${happening.index}`);
        const { index, changes } = happening;
        for (const [key, text] of Object.entries(changes?.set ?? {})) this.#limitKey(key, text);
        await this.#commit({ entry: { ...common, type: 'item', index, output, ...(changes && { changes }) } });
        return;
      }
      case 'started':
        await this.#commit({
          entry: { ...common, type: 'started', key: happening.key, run: this.#encode(happening.run, 'context') },
        });
        return;
      case 'child': {
        const entry = this.#encode(happening.entry, 'happening');
        await this.#commit({ entry: { ...common, type: 'child', key: happening.key, entry } });
      }
    }
  }

  /** A node has ended. From here on the execution sees what is committed, for what follows from it. */
  #end(happening: Ended): Promise<void> {
    const { replica } = this.handle;
    const node = replica.position.plan.indexOf(happening.nodeId);
    const isOwn = this.item?.node === node && !('recoveredBy' in happening && happening.recoveredBy !== undefined);
    const execution = this.#execution(node, happening.nodeId, isOwn);
    const place = replica.numbering.placeOf(node);
    const slot = isOwn ? `n${place}` : `r${place}`;
    const number = isOwn ? execution.round * mostAttempts + execution.attempt : replica.roundOf(node);
    const write = (ended: Ended, changes: Changes) => {
      const entry = this.#entryOf(ended, { ...execution, ...changes }, isOwn);
      return this.#commit({ entry, slot, number, becomesIfNext: isOwn ? this.#conclusion(entry, node) : undefined });
    };
    const writing = write(happening, happening.type === 'completed' ? this.#changes(happening.nodeId) : {});
    const written = !('error' in happening)
      ? writing
      : writing.catch((error) => {
          if (!(error instanceof SerializationError)) throw error;
          // A failure is recorded whatever the engine refuses: then in short texts alone.
          return write({ ...happening, error: { ...happening.error, cause: plainError(happening.error.cause) } }, {});
        });
    return written.then(() => this.#lookAgain(node));
  }

  #execution(node: number, nodeId: string, isOwn: boolean): Execution {
    const { position } = this.handle.replica;
    const { job, workerId } = this.holder;
    return {
      node: nodeId,
      visit: position.visitOf(node),
      round: isOwn ? (this.item as Item).round : this.handle.replica.roundOf(node),
      attempt: isOwn ? (this.item as Item).attempt : (this.handle.replica.failures.get(nodeId)?.attempts ?? 1),
      job,
      worker: workerId,
      ms: Math.round((performance.now() - this.#began) * 1000) / 1000,
    };
  }

  #entryOf(happening: Ended, common: Execution & Changes, isOwn: boolean): NodeEntry {
    switch (happening.type) {
      case 'completed': {
        const { output, action, arcs, passed, recoveredBy } = happening;
        if (action !== undefined) this.#limit(action, 'action');
        return {
          type: 'completed',
          ...common,
          output: output === undefined ? undefined : this.#encode(output, 'happening.output'),
          action,
          ...this.handle.replica.numbering.writeArcs(
            arcs,
            passed.map(([arc, value]) => [arc, this.#encode(value, 'passed')] as const),
          ),
          recoveredBy,
        };
      }
      case 'failed': {
        const error = this.#encodeError(happening.error);
        const { attempts } = happening.error;
        return {
          type: 'failed',
          ...common,
          error,
          ...(happening.isLost ? { isLost: true } : {}),
          ...(isOwn && attempts !== common.attempt ? { tried: attempts } : {}),
        };
      }
      case 'postponed': {
        const { delay, consumed } = happening;
        return { type: 'retrying', ...common, error: this.#encodeError(happening.error), delay, consumed };
      }
      case 'awaiting':
        return { type: 'awaiting', ...common, waits: happening.waits.map((wait) => this.#byEngineClock(wait)) };
    }
  }

  /** A sleep was counted from this machine's clock, which may be wrong; it is kept by the engine's. */
  #byEngineClock<Wait extends { readonly nodeId: string; readonly until?: number | undefined }>(wait: Wait): Wait {
    const { plan } = this.handle.replica.position;
    const definition = plan.nodes[plan.indexOf(wait.nodeId)];
    if (wait.until === undefined || definition?.params?.duration === undefined) return wait;
    return { ...wait, until: wait.until + this.handle.skew };
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
    for (const [key, text] of Object.entries(set)) this.#limitKey(key, text);
    const merged = Object.entries(base).filter(
      ([key, text]) => Object.hasOwn(merges, key) || isMergeable(codec.decode(text, `context.${cut(key, longestKey)}`)),
    );
    return {
      ...(Object.keys(set).length > 0 ? { set } : {}),
      ...(merged.length > 0 ? { base: Object.fromEntries(merged) } : {}),
      ...(removed === undefined ? {} : { removed }),
    };
  }

  #limitKey(key: string, text: string): void {
    this.#limit(key + text, `context.${cut(key, longestKey)}`);
  }

  #lookAgain(node: number): void {
    const { replica } = this.handle;
    const { state, view } = this.own;
    view.moveTo(replica.values.asOf(replica.seq, this.handle.codec));
    state.position = replica.position;
    copyAction(replica, state, node);
    const fallback = replica.position.plan.fallbackOf[node] as number;
    if (fallback >= 0) copyAction(replica, state, fallback);
  }

  /** @throws {SerializationError} for an entry that the engine refuses for what it holds: it would refuse it for ever */
  async #commit(commit: Omit<EntryCommit, 'during'>): Promise<void> {
    let verdict: Verdict;
    try {
      verdict = await this.handle.commit({ ...commit, during: activeStatuses });
    } catch (cause) {
      const isFinal = cause instanceof RangeError || (cause instanceof EngineError && cause.isFinal);
      throw isFinal
        ? new SerializationError('', `cannot be kept: ${cleaned(messageOf(cause), 500)}`, { cause })
        : cause;
    }
    if (verdict === 'refused') throw new SupersededError(this.handle.runId, `is ${this.handle.status}`);
  }

  /** An error can always be written: what cannot be, or is too large, in short texts. */
  #encodeError({ cause }: SavedNodeError): string {
    const { codec } = this.handle;
    try {
      const text = codec.encode(cause);
      if (Buffer.byteLength(text) <= this.holder.maxPayload) return text;
    } catch (error) {
      if (!(error instanceof SerializationError)) throw error;
    }
    const plain = plainError(cause);
    try {
      return codec.encode(plain);
    } catch {
      // Not even that, by a serializer of somebody's own.
      return codec.encode(`${plain.name}: ${plain.message}`);
    }
  }

  /** @throws {SerializationError} for what cannot be saved, or is too large; the node fails with it */
  #encode(value: unknown, path: string): string {
    const text = this.handle.codec.encode(value, path);
    this.#limit(text, path);
    return text;
  }

  #limit(text: string, path: string): void {
    const { maxPayload } = this.holder;
    // A character takes one to three bytes of UTF-8.
    if (text.length * 3 <= maxPayload) return;
    const size = Buffer.byteLength(text);
    if (size <= maxPayload) return;
    const cause = new PayloadError(path, size, maxPayload);
    throw new SerializationError(path, `must be at most ${maxPayload} bytes as text, got ${size}`, { cause });
  }

  #idOf(node: number): string {
    return this.handle.replica.position.plan.idOf(node);
  }
}

/** A promise also where something is wrong before there is one. */
function attempt(work: () => Promise<void>): Promise<void> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}
