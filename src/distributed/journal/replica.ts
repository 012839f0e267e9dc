import { Position } from '../../flow/plan/index.js';
import {
  type Changes,
  decisionTime,
  isOpen,
  Memory,
  type MemoryHooks,
  mergeChange,
  prospectOf,
} from '../../flow/run/index.js';
import type { Carrier } from '../../kernel/hooks/instrumentation.js';
import type { JournalEntry } from '../contracts.js';
import { type Entry, type NodeEntry, type RunEntry, readEntry, type StepEntry } from './entry.js';
import { happeningOf, stepOf } from './happenings.js';
import { jobIdOf } from './job-id.js';
import { Ledger, type WorkItem } from './ledger.js';
import { Numbering } from './numbering.js';
import type { Origin } from './origin.js';
import { keptIn, type SavedReplica, savedMemory } from './saved-replica.js';
import { endBy, type Payload, payloadOf, type SignalOutcome, Signals } from './signals.js';
import { Tally } from './tally.js';
import { Values } from './values.js';

/**
 * The state of a run, built from its journal entry by entry. The state depends on nothing else: any two replicas of a
 * run that have applied the same entries are equal, even in different processes.
 *
 * A replica combines the flow layer's memory of a run, with values as texts, and the state that only a fleet needs:
 * signals, and the items to be executed with their jobs.
 *
 * Entries that do not fit the state are ignored, such as a second result of the same execution, or a step of a node
 * that another worker has claimed in the meantime.
 *
 * The first node that an entry makes ready continues under the job of that entry, unless that job already carries
 * another item. All further nodes get jobs of their own. If the entry says that nodes may share a job, up to that many
 * continue under its job, and the others share jobs among each other.
 */
export class Replica {
  readonly position: Position;
  readonly memory: Memory<string>;
  /** The names of nodes and arcs in the stored data of the run. */
  readonly numbering: Numbering;
  readonly ledger = new Ledger();
  readonly values = new Values();
  readonly runId: string;
  #input: string;
  #isUnchecked: boolean;
  /** Tracing context of the program that started the run, passed on to the workers that execute its nodes. */
  readonly carrier: Carrier | undefined;
  readonly tally: Tally;
  /** Number of the last applied entry. */
  seq: number;
  /**
   * A component of job ids that distinguishes new jobs from old ones. The epoch is the run's incarnation (0 if the run
   * has none) plus the number of times that the run was resumed or retried.
   */
  #epoch: number;
  readonly #graph: string | undefined;
  readonly #rounds: Int32Array;
  readonly #signals: Signals;

  constructor(
    readonly origin: Origin,
    saved: SavedReplica,
    seq = 0,
  ) {
    const { plan } = origin;
    this.seq = seq;
    this.runId = saved.runId;
    this.#input = saved.input;
    this.#isUnchecked = saved.unchecked === true;
    this.carrier = saved.carrier;
    this.tally = new Tally(saved.tally);
    this.#epoch = saved.epoch ?? 0;
    this.#graph = saved.graph;
    // Version 0.7 hands out ready nodes unsorted. Runs started by that version stay unsorted.
    this.numbering = new Numbering(plan, saved.graph !== undefined, origin.incarnation !== undefined);
    this.#rounds = this.numbering.fromPlaces(saved.rounds ?? []);
    this.position = new Position(plan, this.numbering.fromSaved(saved.position));
    this.memory = new Memory(this.position, keptIn(saved, this.numbering), this.#hooks());
    for (const [key, text] of saved.values) this.values.set(key, text, seq);
    this.#signals = new Signals(saved.signals);
    if (saved.position === undefined) this.#release(undefined);
    else this.position.take();
    for (const item of saved.items ?? []) this.ledger.put({ ...item, node: this.numbering.nodeAt(item.node) });
  }

  /** The input of the run, as text. */
  get input(): string {
    return this.#input;
  }

  /** If true, the schema of the workflow is still to be applied to the input, before the first node is executed. */
  get isUnchecked(): boolean {
    return this.#isUnchecked;
  }

  /** Returns the number of times that a node has become ready. */
  roundOf(node: number): number {
    return this.#rounds[node] as number;
  }

  /** Returns the items that a job carries. If there are several, the item that the job is named after comes first. */
  carriedBy(job: string): readonly WorkItem[] {
    const items = this.ledger.carriedBy(job);
    if (items.length < 2) return items;
    const named = items.find(({ node, round, attempt }) => this.#ownJob(node, round, attempt) === job);
    return named === undefined ? items : [named, ...items.filter((item) => item !== named)];
  }

  /** Applies a journal entry. An entry that was already applied changes nothing. */
  apply({ seq, time, text }: JournalEntry): void {
    if (seq > this.seq) this.applyEntry(readEntry(text), seq, time);
  }

  /** Like `apply`, for an entry that is already parsed. */
  applyEntry(entry: Entry, seq: number, time: number): void {
    if (seq <= this.seq) return;
    if (seq !== this.seq + 1) throw new RangeError(`entry ${seq} of run "${this.runId}" does not follow ${this.seq}`);
    this.seq = seq;
    this.tally.add(entry, time);
    if ('claim' in entry) this.#applyStep(entry);
    else if ('attempt' in entry) this.#applyExecution(entry, time);
    else this.#applyToRun(entry, time);
  }

  /** Returns true if the entry is the result of an execution for which the run is waiting. */
  fits(entry: NodeEntry): boolean {
    const node = this.position.plan.indexOf(entry.node);
    return node >= 0 && this.#fits(node, entry);
  }

  /**
   * Sets the time of an entry that was applied before its commit.
   *
   * @param executions - the number of executions applied since, including this one
   */
  date(executions: number, time: number): void {
    this.tally.date(executions, time);
  }

  save(): SavedReplica {
    const { numbering } = this;
    return {
      flow: this.position.plan.id,
      version: '',
      runId: this.runId,
      input: this.#input,
      ...(this.#isUnchecked ? { unchecked: true as const } : {}),
      values: [...this.values.entries()],
      carrier: this.carrier,
      graph: this.#graph,
      position: numbering.toSaved(this.position.save()),
      items: [...this.ledger.values()].map((item) => ({ ...item, node: numbering.placeOf(item.node) })),
      rounds: numbering.toPlaces(this.#rounds),
      epoch: this.#epoch,
      ...savedMemory(this.memory, numbering),
      signals: this.#signals.save(),
      tally: this.tally.save(),
    };
  }

  /** Returns the text that a key would have after the given changes. */
  after(key: string, { set = {}, removed = [], base = {} }: Changes): string | undefined {
    if (removed.includes(key)) return undefined;
    const current = this.values.get(key);
    if (!Object.hasOwn(set, key)) return current;
    const { codec, merges } = this.origin;
    return mergeChange(key, current, { set, base }, merges, codec);
  }

  /** Applies the result of one execution of a node. */
  #applyExecution(entry: NodeEntry, time: number): void {
    if (!this.fits(entry)) return;
    const node = this.position.plan.indexOf(entry.node);
    const item = this.ledger.get(node);
    if (!isRecovery(entry)) this.ledger.remove(node);
    this.#write(entry);
    this.memory.apply(happeningOf(entry, this.numbering));
    if (entry.type === 'retrying') this.#tryAgain(item as WorkItem, entry, time);
    else if (entry.type === 'awaiting') this.#await(node, entry);
    this.#release(entry.job, entry.together);
  }

  #fits(node: number, entry: NodeEntry): boolean {
    if (isRecovery(entry) || 'isLost' in entry) return this.position.statusOf(node) === 'recovering';
    const item = this.ledger.get(node);
    return item?.kind === 'node' && item.round === entry.round && item.attempt === entry.attempt;
  }

  #write(entry: NodeEntry): void {
    const { set = {}, removed = [] } = entry;
    for (const key of [...Object.keys(set), ...removed]) this.values.set(key, this.after(key, entry), this.seq);
    if (entry.type !== 'completed') return;
    const { node, output } = entry;
    if (output !== undefined || this.values.get(node) !== undefined) this.values.set(node, output, this.seq);
  }

  #hooks(): MemoryHooks<string, string> {
    return {
      settled: (nodeId) => this.#settled(nodeId),
      retried: (_nodeId, inner) => {
        const step = this.origin.codec.encode({ happening: { type: 'retried' } }, 'happening');
        for (const { entries } of inner) entries.push(step);
      },
    };
  }

  /** Removes the timer of a node that is no longer waiting. */
  #settled(nodeId: string): void {
    const node = this.position.plan.indexOf(nodeId);
    if (this.ledger.get(node)?.kind === 'wake') this.ledger.drop(node);
  }

  /** Adds the retry as a separate item, due after the delay. */
  #tryAgain(
    item: WorkItem,
    { attempt, job, delay, consumed, ms }: Extract<NodeEntry, { type: 'retrying' }>,
    time: number,
  ): void {
    const next = attempt + 1;
    this.ledger.put({
      ...item,
      attempt: next,
      consumed: item.consumed + (consumed ? 1 : 0),
      elapsed: item.elapsed + ms + delay,
      job: this.#ownJob(item.node, item.round, next),
      parent: job,
      due: time + delay,
      seq: this.seq,
    });
  }

  /** Delivers a signal that has already arrived. Otherwise sets a timer for the earliest time in `waits`, if any. */
  #await(node: number, { node: nodeId, round, waits, job }: Extract<NodeEntry, { type: 'awaiting' }>): void {
    if (this.position.statusOf(node) !== 'awaiting') return;
    const come = this.#signals.take(waits.map(({ event }) => event));
    if (come !== undefined) {
      // A signal that was kept has arrived before the waits began.
      this.memory.deliver(nodeId, endBy(come.event, come.payload, decisionTime(waits, 0)));
      return;
    }
    const times = waits.flatMap(({ until }) => (until === undefined ? [] : [until]));
    if (times.length === 0) return;
    const own = this.#ownJob(node, round, 0);
    const timer = { node, round, attempt: 0, consumed: 0, elapsed: 0, kind: 'wake', job: own, parent: job } as const;
    this.ledger.put({ ...timer, due: Math.min(...times), seq: this.seq });
  }

  /** Applies a step inside a node. The step is valid only if it was made under the current claim of the item. */
  #applyStep(entry: StepEntry): void {
    const { node: nodeId, round, claim } = entry;
    const item = this.ledger.get(this.position.plan.indexOf(nodeId));
    if (item?.round !== round) return;
    if (entry.type === 'claimed') this.ledger.put({ ...item, claim });
    else if (item.claim === claim) this.memory.apply(stepOf(entry));
  }

  #applyToRun(entry: RunEntry, time: number): void {
    switch (entry.type) {
      case 'signal':
        this.#signal(entry, time);
        this.#release(undefined);
        break;
      case 'input':
        this.#input = entry.input;
        this.#isUnchecked = false;
        break;
      case 'due':
        this.#due(entry, time);
        this.#release(entry.job);
        break;
      case 'split':
        this.#split(entry);
        break;
      case 'parked':
        this.#park(entry);
        break;
      case 'resumed':
        this.#epoch++;
        for (const item of [...this.ledger.values()]) if (item.job === undefined) this.#requeue(item);
        break;
      case 'retried':
        this.#epoch++;
        this.memory.retryFailed();
        this.#dropPending();
        for (const item of [...this.ledger.values()]) this.#requeue(item);
        this.#release(undefined);
        break;
      default:
      // `paused`, `cancelled`, `timed-out` and `concluded` affect the status in the run's record, not the replica.
    }
  }

  /**
   * Delivers a signal to the nodes that wait for it. A signal does not end a wait that has expired, even if no worker has
   * noticed the expiry yet. If no node waits, the signal is kept as long as a node may still begin to wait for it.
   */
  #signal(entry: Extract<RunEntry, { type: 'signal' }>, time: number): void {
    const { plan } = this.position;
    const { event, id } = entry;
    const payload = payloadOf(entry);
    const waiting = [...this.memory.awaiting].filter(([, waits]) => waits.some((wait) => isOpen(wait, event, time)));
    for (const [nodeId, waits] of waiting) {
      this.ledger.drop(plan.indexOf(nodeId));
      this.memory.deliver(nodeId, endBy(event, payload, decisionTime(waits, time)));
    }
    const outcome = waiting.length > 0 ? 'delivered' : this.#keep(event, payload);
    if (id !== undefined) this.#signals.answer(id, outcome);
  }

  #keep(event: string, payload: Payload): SignalOutcome {
    if (prospectOf(this.memory, event) !== 'possible') return 'too-late';
    return this.#signals.keep(event, payload) ? 'kept' : 'dropped';
  }

  /** Returns the answer to a signal, if its entry is among those that this replica has applied one by one. */
  answerTo(id: string): SignalOutcome | undefined {
    return this.#signals.answerTo(id);
  }

  #due({ node: nodeId, round }: Extract<RunEntry, { type: 'due' }>, time: number): void {
    const node = this.position.plan.indexOf(nodeId);
    const item = this.ledger.get(node);
    const waits = this.memory.awaiting.get(nodeId);
    if (item?.kind !== 'wake' || item.round !== round || waits === undefined) return;
    const { due } = item;
    // The time has come even if the clock was set back since.
    this.ledger.remove(node);
    this.memory.deliver(nodeId, { events: {}, time: decisionTime(waits, Math.max(time, due)), due });
  }

  #split({ nodes, job }: Extract<RunEntry, { type: 'split' }>): void {
    for (const nodeId of nodes) {
      const item = this.ledger.get(this.position.plan.indexOf(nodeId));
      if (item === undefined || item.job !== job) continue;
      const own = this.#ownJob(item.node, item.round, item.attempt);
      this.ledger.put({ ...item, job: own, parent: job, seq: this.seq });
    }
  }

  #park({ node: nodeId, round }: Extract<RunEntry, { type: 'parked' }>): void {
    const item = this.ledger.get(this.position.plan.indexOf(nodeId));
    if (item?.round === round) this.ledger.put({ ...item, job: undefined, parent: undefined });
  }

  /** Removes the items of nodes that were to run after a failure, and now wait for the failed nodes again. */
  #dropPending(): void {
    for (const { node } of [...this.ledger.values()]) {
      const status = this.position.statusOf(node);
      if (status === 'pending' || status === 'skipped') this.ledger.remove(node);
    }
  }

  #requeue(item: WorkItem): void {
    const job = this.#ownJob(item.node, item.round, item.attempt);
    this.ledger.put({ ...item, job, parent: undefined, seq: this.seq });
  }

  /**
   * Creates items for the nodes that have become ready.
   *
   * @param job - the job under which they became ready, if any
   * @param together - the number of items that may share a job
   */
  #release(job: string | undefined, together = 1): void {
    let carrier = job;
    let room = job === undefined ? 0 : together - this.ledger.carriedBy(job).length;
    for (const node of this.numbering.inOrder(this.position.take())) {
      const round = (this.#rounds[node] as number) + 1;
      this.#rounds[node] = round;
      if (room <= 0) [carrier, room] = [this.#ownJob(node, round, 1), together];
      room--;
      this.ledger.put({
        node,
        round,
        attempt: 1,
        consumed: 0,
        elapsed: 0,
        kind: 'node',
        job: carrier,
        parent: job,
        due: 0,
        seq: this.seq,
      });
    }
  }

  #ownJob(node: number, round: number, attempt: number): string {
    return jobIdOf(this.origin.runKey, this.numbering.placeOf(node), round, attempt, this.#epoch);
  }
}

/** Returns true if the entry reports that a fallback has replaced the node. */
function isRecovery(entry: NodeEntry): boolean {
  return entry.type === 'completed' && entry.recoveredBy !== undefined;
}
