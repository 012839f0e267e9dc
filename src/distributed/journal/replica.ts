import type { Waiting } from '../../flow/index.js';
import type { SavedPosition } from '../../flow/plan/marks.js';
import type { Plan } from '../../flow/plan/plan.js';
import { Position } from '../../flow/plan/position.js';
import type { Codec } from '../../flow/run/codec.js';
import type { Changes } from '../../flow/run/context-view.js';
import { type Merges, mergeChange } from '../../flow/run/merge.js';
import type { Carrier } from '../../kernel/instrumentation.js';
import type { JournalEntry } from '../contracts.js';
import {
  type Entry,
  type Execution,
  type NodeEntry,
  type RunEntry,
  readEntry,
  type SavedSteps,
  type StepEntry,
} from './entry.js';
import { jobIdOf } from './job-id.js';
import { type Item, Ledger } from './ledger.js';
import { Numbering, type SavedPassed } from './numbering.js';
import { type SavedTally, Tally } from './tally.js';
import { Values } from './values.js';

/** How a node has failed: the error as text, how often it was tried, and the fallback that stood in for it. */
export interface Failure {
  readonly error: string;
  readonly attempts: number;
  readonly recoveredBy?: string | undefined;
}

/** A replica as it is saved; what a run begins with is one, without a position. */
export interface SavedReplica {
  readonly flow: string;
  readonly version: string;
  readonly runId: string;
  readonly input: string;
  readonly values: readonly (readonly [key: string, text: string])[];
  /** The hash of the graph that it goes through. Runs that versions up to 0.6 have begun have none. */
  readonly graph?: string | undefined;
  readonly carrier?: Carrier | undefined;
  readonly position?: SavedPosition | undefined;
  readonly items?: readonly Item[] | undefined;
  readonly rounds?: readonly number[] | undefined;
  readonly epoch?: number | undefined;
  readonly passed?: SavedPassed | undefined;
  readonly actions?: readonly (readonly [nodeId: string, action: string])[] | undefined;
  readonly failures?: readonly (readonly [nodeId: string, failure: Failure])[] | undefined;
  readonly awaiting?: readonly (readonly [nodeId: string, waits: readonly Waiting[]])[] | undefined;
  readonly delivered?: readonly (readonly [nodeId: string, events: Readonly<Record<string, string>>])[] | undefined;
  readonly signals?: readonly (readonly [event: string, payloads: readonly string[]])[] | undefined;
  readonly batches?: readonly (readonly [
    nodeId: string,
    outputs: readonly (readonly [index: number, text: string])[],
  ])[];
  readonly itemChanges?: readonly (readonly [
    nodeId: string,
    changes: readonly (readonly [index: number, changes: Changes])[],
  ])[];
  readonly steps?: readonly (readonly [
    nodeId: string,
    steps: readonly (readonly [key: string, saved: SavedSteps])[],
  ])[];
  readonly tally?: SavedTally | undefined;
}

/** Of which run a replica is, and how the values in it are read and merged. */
export interface Origin {
  readonly plan: Plan;
  readonly runKey: string;
  /** Which of the runs that had its id over time; none for a run that a version up to 0.7 has begun. */
  readonly incarnation?: number | undefined;
  readonly codec: Codec;
  readonly merges: Merges;
}

/** How many payloads of one event are kept that nothing waits for yet. */
const mostSignals = 1_000;

/**
 * All that is known of a run: what follows from its journal, entry by entry. It depends on nothing else, so all replicas
 * of a run that have applied the same entries are the same, wherever they are.
 *
 * An entry that does not fit is left out: the second result of an execution, a step of one that another has claimed.
 *
 * What comes about under a job: the first node that an entry makes ready goes on under the job of that entry, unless the
 * job carries another already; the others have jobs of their own.
 */
export class Replica {
  readonly position: Position;
  /** How nodes and arcs are called in what is kept of the run. */
  readonly numbering: Numbering;
  readonly ledger = new Ledger();
  readonly values = new Values();
  /** What arcs pass on, where that is not the output of their source. */
  readonly passed = new Map<number, string>();
  readonly actions = new Map<string, string>();
  readonly failures = new Map<string, Failure>();
  readonly awaiting = new Map<string, readonly Waiting[]>();
  /** What has come for nodes that waited for it, by event. */
  readonly delivered = new Map<string, Readonly<Record<string, string>>>();
  /** Payloads that nothing has waited for yet. */
  readonly signals = new Map<string, string[]>();
  /** What is done of batches that are not. */
  readonly batches = new Map<string, Map<number, string>>();
  /** What items that are done have changed in the context. */
  readonly itemChanges = new Map<string, Map<number, Changes>>();
  /** Runs inside nodes that are not done. */
  readonly steps = new Map<string, Map<string, SavedSteps>>();
  readonly runId: string;
  readonly input: string;
  /** What has come with the run from where it was started, for whoever executes its nodes. */
  readonly carrier: Carrier | undefined;
  readonly tally: Tally;
  /** The entry that was applied last. */
  seq: number;
  /**
   * Part of the ids of jobs, so that old ones cannot stand for new ones: the run's incarnation, 0 where it has none, and
   * how often the run was taken up again by hand.
   */
  #epoch: number;
  readonly #graph: string | undefined;
  readonly #rounds: Int32Array;

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
    // Programs of version 0.7 hand out nodes as they come about: so it is done in the runs that those have begun.
    this.numbering = new Numbering(plan, saved.graph !== undefined, origin.incarnation !== undefined);
    this.#rounds = this.numbering.fromPlaces(saved.rounds ?? []);
    this.position = new Position(plan, this.numbering.fromSaved(saved.position));
    for (const [key, text] of saved.values) this.values.set(key, text, seq);
    for (const [arc, text] of this.numbering.readPassed(saved.passed)) this.passed.set(arc, text);
    fill(this.actions, saved.actions);
    fill(this.failures, saved.failures);
    fill(this.awaiting, saved.awaiting);
    fill(this.delivered, saved.delivered);
    for (const [event, payloads] of saved.signals ?? []) this.signals.set(event, [...payloads]);
    for (const [nodeId, outputs] of saved.batches ?? []) this.batches.set(nodeId, new Map(outputs));
    for (const [nodeId, changes] of saved.itemChanges ?? []) this.itemChanges.set(nodeId, new Map(changes));
    for (const [nodeId, steps] of saved.steps ?? []) this.steps.set(nodeId, new Map(steps));
    if (saved.position === undefined) this.#release(undefined);
    else this.position.take();
    for (const item of saved.items ?? []) this.ledger.put({ ...item, node: this.numbering.nodeAt(item.node) });
  }

  /** How often a node was made ready. */
  roundOf(node: number): number {
    return this.#rounds[node] as number;
  }

  /** Applies an entry of the journal; one that was applied already changes nothing. */
  apply({ seq, time, text }: JournalEntry): void {
    if (seq > this.seq) this.applyEntry(readEntry(text), seq, time);
  }

  /** The same for one that is read already. */
  applyEntry(entry: Entry, seq: number, time: number): void {
    if (seq <= this.seq) return;
    if (seq !== this.seq + 1) throw new RangeError(`entry ${seq} of run "${this.runId}" does not follow ${this.seq}`);
    this.seq = seq;
    this.tally.add(entry, time);
    this.#apply(entry, time);
  }

  save(): SavedReplica {
    const { plan } = this.position;
    return {
      flow: plan.id,
      version: '',
      runId: this.runId,
      input: this.input,
      values: [...this.values.entries()],
      carrier: this.carrier,
      graph: this.#graph,
      position: this.numbering.toSaved(this.position.save()),
      items: [...this.ledger.values()].map((item) => ({ ...item, node: this.numbering.placeOf(item.node) })),
      rounds: this.numbering.toPlaces(this.#rounds),
      epoch: this.#epoch,
      passed: this.numbering.writePassed(this.passed),
      actions: [...this.actions],
      failures: [...this.failures],
      awaiting: [...this.awaiting],
      delivered: [...this.delivered],
      signals: [...this.signals],
      batches: [...this.batches].map(([nodeId, outputs]) => [nodeId, [...outputs]]),
      itemChanges: [...this.itemChanges].map(([nodeId, changes]) => [nodeId, [...changes]]),
      steps: [...this.steps].map(([nodeId, steps]) => [nodeId, [...steps]]),
      tally: this.tally.save(),
    };
  }

  #apply(entry: Entry, time: number): void {
    switch (entry.type) {
      case 'completed':
      case 'failed':
      case 'retrying':
      case 'awaiting':
        this.#applyExecution(entry, time);
        break;
      case 'claimed':
      case 'item':
      case 'started':
      case 'child':
        this.#applyStep(entry);
        break;
      default:
        this.#applyToRun(entry);
    }
  }

  #applyExecution(entry: NodeEntry, time: number): void {
    const { plan } = this.position;
    const node = plan.indexOf(entry.node);
    if (node < 0 || !this.#fits(node, entry)) return;
    const isRecovery = entry.type === 'completed' && entry.recoveredBy !== undefined;
    const item = this.ledger.get(node);
    if (!isRecovery) this.ledger.remove(node);
    this.#write(entry);
    switch (entry.type) {
      case 'completed':
        this.#complete(node, entry);
        break;
      case 'failed':
        this.failures.set(entry.node, { error: entry.error, attempts: entry.tried ?? entry.attempt });
        this.awaiting.delete(entry.node);
        this.position.fail(node, { isLost: entry.isLost === true });
        break;
      case 'retrying':
        this.#tryAgain(item as Item, entry, time);
        break;
      case 'awaiting':
        this.#await(node, entry);
    }
    this.#release(entry.job);
  }

  /** Whether it is the result of what is to be executed. */
  #fits(node: number, entry: NodeEntry): boolean {
    const isRecovery = (entry.type === 'completed' && entry.recoveredBy !== undefined) || 'isLost' in entry;
    if (isRecovery) return this.position.statusOf(node) === 'recovering';
    const item = this.ledger.get(node);
    return item?.kind === 'node' && item.round === entry.round && item.attempt === entry.attempt;
  }

  /** What a key holds after changes, as text. */
  after(key: string, { set = {}, removed = [], base = {} }: Changes): string | undefined {
    if (removed.includes(key)) return undefined;
    const current = this.values.get(key);
    if (!Object.hasOwn(set, key)) return current;
    const { codec, merges } = this.origin;
    return mergeChange(key, current, { set, base }, merges, codec);
  }

  #write(changes: Changes): void {
    const { set = {}, removed = [] } = changes;
    for (const key of [...Object.keys(set), ...removed]) this.values.set(key, this.after(key, changes), this.seq);
  }

  #complete(node: number, entry: Execution & Extract<NodeEntry, { type: 'completed' }>): void {
    const { node: nodeId, output, action, recoveredBy } = entry;
    if (output !== undefined || this.values.get(nodeId) !== undefined) this.values.set(nodeId, output, this.seq);
    this.awaiting.delete(nodeId);
    this.delivered.delete(nodeId);
    this.batches.delete(nodeId);
    this.itemChanges.delete(nodeId);
    this.steps.delete(nodeId);
    const failure = this.failures.get(nodeId);
    // A failure of an earlier turn that a fallback has saved stays known.
    if (recoveredBy !== undefined && failure !== undefined) this.failures.set(nodeId, { ...failure, recoveredBy });
    if (action === undefined) this.actions.delete(nodeId);
    else this.actions.set(nodeId, action);
    const { outFrom } = this.position.plan;
    for (let arc = outFrom[node] as number; this.passed.size > 0 && arc < (outFrom[node + 1] as number); arc++) {
      if (!this.position.isLeft(arc)) this.passed.delete(arc);
    }
    for (const [arc, text] of this.numbering.passedOf(nodeId, entry)) this.passed.set(arc, text);
    this.position.complete(node, this.numbering.arcsOf(nodeId, entry));
    this.#letGo();
  }

  /** What waits that nobody needs any more waits no longer. */
  #letGo(): void {
    for (const node of this.position.letGo()) {
      const nodeId = this.position.plan.idOf(node);
      this.ledger.remove(node);
      for (const kept of [this.awaiting, this.delivered, this.batches, this.itemChanges, this.steps])
        kept.delete(nodeId);
    }
  }

  /** Its retry is an item of its own, due when the wait is over. */
  #tryAgain(
    item: Item,
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

  #await(node: number, { node: nodeId, round, waits, job }: Extract<NodeEntry, { type: 'awaiting' }>): void {
    this.position.await(node);
    this.delivered.delete(nodeId);
    this.#letGo();
    if (this.position.statusOf(node) !== 'awaiting') return;
    const come = waits.find(({ event }) => this.signals.has(event));
    if (come !== undefined) {
      const payloads = this.signals.get(come.event) as string[];
      this.#deliver(node, nodeId, { [come.event]: payloads.shift() as string });
      if (payloads.length === 0) this.signals.delete(come.event);
      return;
    }
    this.awaiting.set(nodeId, waits);
    const times = waits.flatMap(({ until }) => (until === undefined ? [] : [until]));
    if (times.length === 0) return;
    const own = this.#ownJob(node, round, 0);
    const timer = { node, round, attempt: 0, consumed: 0, elapsed: 0, kind: 'wake', job: own, parent: job } as const;
    this.ledger.put({ ...timer, due: Math.min(...times), seq: this.seq });
  }

  #applyStep(entry: StepEntry): void {
    const { node: nodeId, round, claim } = entry;
    const item = this.ledger.get(this.position.plan.indexOf(nodeId));
    if (item?.round !== round) return;
    if (entry.type === 'claimed') this.ledger.put({ ...item, claim });
    else if (item.claim === claim) this.#keepStep(nodeId, entry);
  }

  #keepStep(nodeId: string, entry: StepEntry): void {
    const steps = this.steps.get(nodeId) ?? new Map<string, SavedSteps>();
    switch (entry.type) {
      case 'item': {
        const outputs = this.batches.get(nodeId) ?? new Map<number, string>();
        this.batches.set(nodeId, outputs.set(entry.index, entry.output));
        if (entry.changes === undefined) return;
        const changes = this.itemChanges.get(nodeId) ?? new Map<number, Changes>();
        this.itemChanges.set(nodeId, changes.set(entry.index, entry.changes));
        return;
      }
      case 'started':
        this.steps.set(nodeId, steps.set(entry.key, { run: entry.run, entries: [] }));
        return;
      case 'child':
        steps.get(entry.key)?.entries.push(entry.entry);
    }
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
        for (const nodeId of this.position.retryFailed()) this.failures.delete(nodeId);
        for (const item of [...this.ledger.values()]) this.#requeue(item);
        this.#release(undefined);
        break;
      default:
      // That it was paused, cancelled, concluded or has timed out is how the run stands, and changes nothing in it.
    }
  }

  #signal(event: string, payload: string): void {
    const { plan } = this.position;
    const waiting = [...this.awaiting].filter(([, waits]) => waits.some((wait) => wait.event === event));
    for (const [nodeId] of waiting) this.#deliver(plan.indexOf(nodeId), nodeId, { [event]: payload });
    if (waiting.length > 0) return;
    const payloads = this.signals.get(event) ?? [];
    if (payloads.length < mostSignals) this.signals.set(event, [...payloads, payload]);
  }

  #due({ node: nodeId, round }: Extract<RunEntry, { type: 'due' }>): void {
    const node = this.position.plan.indexOf(nodeId);
    const item = this.ledger.get(node);
    const waits = this.awaiting.get(nodeId);
    if (item?.kind !== 'wake' || item.round !== round || waits === undefined) return;
    const come = waits.filter(({ until }) => until !== undefined && until <= item.due);
    const nothing = this.origin.codec.encode(null);
    this.#deliver(node, nodeId, Object.fromEntries(come.map(({ event }) => [event, nothing])));
  }

  /** What a node waited for has come: it is ready. */
  #deliver(node: number, nodeId: string, events: Readonly<Record<string, string>>): void {
    this.awaiting.delete(nodeId);
    this.ledger.remove(node);
    this.delivered.set(nodeId, events);
    this.position.retry(node);
  }

  #park({ node: nodeId, round }: Extract<RunEntry, { type: 'parked' }>): void {
    const item = this.ledger.get(this.position.plan.indexOf(nodeId));
    if (item?.round === round) this.ledger.put({ ...item, job: undefined, parent: undefined });
  }

  #requeue(item: Item): void {
    const job = this.#ownJob(item.node, item.round, item.attempt);
    this.ledger.put({ ...item, job, parent: undefined, seq: this.seq });
  }

  /** Nodes that are ready have become items. */
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

function fill<Key, Value>(map: Map<Key, Value>, entries: Iterable<readonly [Key, Value]> = []): void {
  for (const [key, value] of entries) map.set(key, value);
}
