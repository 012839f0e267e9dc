import { Position } from '../../flow/plan/index.js';
import { type Changes, Memory, mergeChange } from '../../flow/run/index.js';
import type { Carrier } from '../../kernel/instrumentation.js';
import type { JournalEntry } from '../contracts.js';
import { type Entry, type NodeEntry, type RunEntry, readEntry, type StepEntry } from './entry.js';
import { happeningOf, stepOf } from './happenings.js';
import { jobIdOf } from './job-id.js';
import { Ledger, type WorkItem } from './ledger.js';
import { Numbering } from './numbering.js';
import type { Origin } from './origin.js';
import { keptIn, type SavedReplica, savedMemory } from './saved-replica.js';
import { Signals } from './signals.js';
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
 * another item. All further nodes get jobs of their own.
 */
export class Replica {
  readonly position: Position;
  readonly memory: Memory<string>;
  /** The names of nodes and arcs in the stored data of the run. */
  readonly numbering: Numbering;
  readonly ledger = new Ledger();
  readonly values = new Values();
  readonly runId: string;
  readonly input: string;
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
    this.input = saved.input;
    this.carrier = saved.carrier;
    this.tally = new Tally(saved.tally);
    this.#epoch = saved.epoch ?? 0;
    this.#graph = saved.graph;
    // Version 0.7 hands out ready nodes unsorted. Runs started by that version stay unsorted.
    this.numbering = new Numbering(plan, saved.graph !== undefined, origin.incarnation !== undefined);
    this.#rounds = this.numbering.fromPlaces(saved.rounds ?? []);
    this.position = new Position(plan, this.numbering.fromSaved(saved.position));
    this.memory = new Memory(this.position, keptIn(saved, this.numbering), (nodeId) => this.#settled(nodeId));
    for (const [key, text] of saved.values) this.values.set(key, text, seq);
    this.#signals = new Signals(saved.signals);
    if (saved.position === undefined) this.#release(undefined);
    else this.position.take();
    for (const item of saved.items ?? []) this.ledger.put({ ...item, node: this.numbering.nodeAt(item.node) });
  }

  /** Returns the number of times that a node has become ready. */
  roundOf(node: number): number {
    return this.#rounds[node] as number;
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
    else this.#applyToRun(entry);
  }

  save(): SavedReplica {
    const { numbering } = this;
    return {
      flow: this.position.plan.id,
      version: '',
      runId: this.runId,
      input: this.input,
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
    const node = this.position.plan.indexOf(entry.node);
    if (node < 0 || !this.#fits(node, entry)) return;
    const item = this.ledger.get(node);
    if (!isRecovery(entry)) this.ledger.remove(node);
    this.#write(entry);
    this.memory.apply(happeningOf(entry, this.numbering));
    if (entry.type === 'retrying') this.#tryAgain(item as WorkItem, entry, time);
    else if (entry.type === 'awaiting') this.#await(node, entry);
    this.#release(entry.job);
  }

  /** Returns true if the entry is the result of an execution for which the run is waiting. */
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

  /** Removes the timer of a node that is no longer waiting. */
  #settled(nodeId: string): void {
    const node = this.position.plan.indexOf(nodeId);
    if (this.ledger.get(node)?.kind === 'wake') this.ledger.remove(node);
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
      this.#deliver(node, nodeId, { [come.event]: come.payload });
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

  #applyToRun(entry: RunEntry): void {
    switch (entry.type) {
      case 'signal':
        this.#signal(entry.event, entry.payload);
        this.#release(undefined);
        break;
      case 'due':
        this.#due(entry);
        this.#release(entry.job);
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
        for (const item of [...this.ledger.values()]) this.#requeue(item);
        this.#release(undefined);
        break;
      default:
      // `paused`, `cancelled`, `timed-out` and `concluded` affect the status in the run's record, not the replica.
    }
  }

  #signal(event: string, payload: string): void {
    const { plan } = this.position;
    const waiting = [...this.memory.awaiting].filter(([, waits]) => waits.some((wait) => wait.event === event));
    for (const [nodeId] of waiting) this.#deliver(plan.indexOf(nodeId), nodeId, { [event]: payload });
    if (waiting.length === 0) this.#signals.keep(event, payload);
  }

  #due({ node: nodeId, round }: Extract<RunEntry, { type: 'due' }>): void {
    const node = this.position.plan.indexOf(nodeId);
    const item = this.ledger.get(node);
    const waits = this.memory.awaiting.get(nodeId);
    if (item?.kind !== 'wake' || item.round !== round || waits === undefined) return;
    const come = waits.filter(({ until }) => until !== undefined && until <= item.due);
    const nothing = this.origin.codec.encode(null);
    this.#deliver(node, nodeId, Object.fromEntries(come.map(({ event }) => [event, nothing])));
  }

  #deliver(node: number, nodeId: string, events: Readonly<Record<string, string>>): void {
    this.ledger.remove(node);
    this.memory.deliver(nodeId, events);
  }

  #park({ node: nodeId, round }: Extract<RunEntry, { type: 'parked' }>): void {
    const item = this.ledger.get(this.position.plan.indexOf(nodeId));
    if (item?.round === round) this.ledger.put({ ...item, job: undefined, parent: undefined });
  }

  #requeue(item: WorkItem): void {
    const job = this.#ownJob(item.node, item.round, item.attempt);
    this.ledger.put({ ...item, job, parent: undefined, seq: this.seq });
  }

  /** Creates items for the nodes that have become ready. */
  #release(job: string | undefined): void {
    let carrier = job !== undefined && this.ledger.carriedBy(job) === undefined ? job : undefined;
    for (const node of this.numbering.inOrder(this.position.take())) {
      const round = (this.#rounds[node] as number) + 1;
      this.#rounds[node] = round;
      this.ledger.put({
        node,
        round,
        attempt: 1,
        consumed: 0,
        elapsed: 0,
        kind: 'node',
        job: carrier ?? this.#ownJob(node, round, 1),
        parent: job,
        due: 0,
        seq: this.seq,
      });
      carrier = undefined;
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
