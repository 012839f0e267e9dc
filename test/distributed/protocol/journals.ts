import { isDeepStrictEqual } from 'node:util';
import type { Engine, RunStatus } from 'orchestrator/distributed';
import type { Commit, CommitAnswer, JournalEntry, NewRun } from 'orchestrator/distributed/engine';
import type { Flow, FlowRuntime } from 'orchestrator/flow';
import { readEntry } from '../../../src/distributed/journal/entry.js';
import { keyOf } from '../../../src/distributed/journal/job-id.js';
import type { Origin } from '../../../src/distributed/journal/origin.js';
import { Replica } from '../../../src/distributed/journal/replica.js';
import type { SavedReplica } from '../../../src/distributed/journal/saved-replica.js';
import { isFinished, type RunRecord } from '../../../src/distributed/run-info.js';
import { type KnownWorkflow, Workflows } from '../../../src/distributed/workflows/workflows.js';

// biome-ignore lint/suspicious/noExplicitAny: flows of any state, result and ids
export type AnyFlow = Flow<any, any, any>;

/** Everything that was ever committed to a run, even if engines drop it. */
export interface KeptRun {
  readonly snapshot: SavedReplica;
  readonly entries: JournalEntry[];
  status: RunStatus;
  /** Number of times that the run has ended. */
  finished: number;
}

const numbers = new Map<string, number>();
const knowns = new WeakMap<object, Workflows>();

function intern(text: string): number {
  const number = numbers.get(text) ?? numbers.size;
  numbers.set(text, number);
  return number;
}

/** Records the journal of a run from beside the engine. */
export class Journals {
  readonly workflows: Workflows;
  readonly #known: KnownWorkflow;
  #run: KeptRun | undefined = undefined;
  #history = 0;
  #compacted = 0;

  constructor(flow: AnyFlow, runtime: FlowRuntime) {
    const workflows = knowns.get(flow) ?? new Workflows([flow], runtime);
    knowns.set(flow, workflows);
    this.workflows = workflows;
    this.#known = workflows.first as KnownWorkflow;
  }

  get run(): KeptRun {
    if (this.#run === undefined) throw new Error('no run has begun');
    return this.#run;
  }

  /** A key that is equal for equal journals, whichever worker has written them. */
  get key(): string {
    return `${this.#history}/${this.#compacted}`;
  }

  get isLonger(): boolean {
    return this.run.entries.length > this.#compacted;
  }

  begin({ snapshot }: NewRun, { status }: RunRecord): void {
    this.#run = { snapshot: JSON.parse(snapshot) as SavedReplica, entries: [], status, finished: 0 };
    this.#history = intern(`begin ${snapshot}`);
  }

  note(commits: readonly Commit[], { verdicts, now, status }: CommitAnswer): void {
    for (const [at, { text }] of commits.entries()) {
      const seq = verdicts[at];
      if (typeof seq !== 'number') continue;
      this.run.entries.push({ seq, time: now, text });
      this.#history = intern(`${this.#history} ${plain(text)}`);
    }
    if (status !== this.run.status && isFinished(status)) this.run.finished++;
    this.run.status = status;
    this.#history = intern(`${this.#history} ${status}`);
  }

  async compact({ checkpointStore }: Engine): Promise<void> {
    const replica = this.replica();
    await checkpointStore.compact(replica.runId, JSON.stringify(replica.save()), replica.seq);
    this.#compacted = replica.seq;
  }

  /** Builds a replica of the run as of its last entry. */
  replica(): Replica {
    const replica = new Replica(this.origin, copy(this.run.snapshot));
    for (const entry of this.run.entries) replica.apply(entry);
    return replica;
  }

  get origin(): Origin {
    const { plan, merges } = this.#known;
    // The epoch of a run begins at its incarnation.
    const { runId, epoch } = this.run.snapshot;
    return { plan, merges, runKey: keyOf(runId), incarnation: epoch, codec: this.workflows.codec };
  }
}

/**
 * Checks what must hold for any journal. After each entry, the replica can be saved and restored without loss, and
 * continues like the original. An entry that comes twice, or long after, changes nothing.
 *
 * @returns the violations
 */
export function faultsOfReplicas(origin: Origin, { snapshot, entries }: KeptRun): string[] {
  const faults: string[] = [];
  const replica = new Replica(origin, copy(snapshot));
  let restored = new Replica(origin, copy(replica.save()));
  for (const entry of [undefined, ...entries]) {
    if (entry !== undefined) {
      replica.apply(entry);
      restored.apply(entry);
    }
    const before = copy(replica.save());
    if (!isDeepStrictEqual(copy(restored.save()), before))
      faults.push(`goes on otherwise after ${entry?.seq}: ${entry?.text}`);
    restored = new Replica(origin, copy(before), replica.seq);
    if (!isDeepStrictEqual(copy(restored.save()), before))
      faults.push(`is restored otherwise after ${entry?.seq}: ${entry?.text}`);
    for (const old of entries) if (old.seq <= replica.seq) replica.apply(old);
    if (!isDeepStrictEqual(copy(replica.save()), before)) faults.push(`changes by an old entry after ${entry?.seq}`);
  }
  return faults;
}

/** Lists effects that the journal has more than once: a node with its visit, or a node that a fallback stood in for. */
export function repeatedEffects({ entries }: KeptRun): string[] {
  const seen = new Set<string>();
  const repeated: string[] = [];
  for (const { text } of entries) {
    const entry = readEntry(text);
    if (entry.type !== 'completed') continue;
    const effect = `${entry.node}#${entry.visit}`;
    if (seen.has(effect)) repeated.push(effect);
    seen.add(effect);
  }
  return repeated;
}

/** Removes what differs between workers and does not matter. */
function plain(text: string): string {
  return text.replace(/"worker":"[^"]*",?/, '').replace(/"ms":[\d.]+,?/, '');
}

function copy<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
