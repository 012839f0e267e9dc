import type { WorkItemState, WorkItemStateStore } from '../contracts.js';
import type { WorkItem } from '../journal/ledger.js';
import type { RunHandle } from '../run/run-handle.js';

/** Milliseconds that a node must have been executing before its state is recorded. */
const aMoment = 250;

/** Milliseconds for which an unanswered call may still be carried out by the engine. */
const longestLate = 30_000;

interface Executing {
  readonly runId: string;
  readonly item: string;
  readonly state: WorkItemState;
  isSetDown: 'no' | 'maybe' | 'yes';
  /**
   * Time at which the engine last failed to confirm that it recorded the state, by the monotonic clock. The engine may
   * still record the state.
   */
  unansweredAt?: number;
}

/** A node that has ended, but whose state the engine may still record. */
interface Late {
  readonly executing: Executing;
  /** Time of the next check for the state, by the monotonic clock. */
  readonly at: number;
  /** Milliseconds between the next check and the check after it. */
  readonly wait: number;
}

/** The activity of a worker: counts of its executions, and records of the nodes that take longer than `aMoment`. */
export class Activity {
  #active = 0;
  #onIdle: (() => void)[] = [];
  completed = 0;
  failed = 0;
  retried = 0;
  /** Number of current executions that are retries. */
  retrying = 0;
  readonly #executing = new Set<Executing>();
  #done: Executing[] = [];
  #late: Late[] = [];

  constructor(private readonly workerId: string) {}

  /** Number of jobs that the worker holds. */
  get active(): number {
    return this.#active;
  }

  /** Counts a job that was delivered. */
  take(): void {
    this.#active++;
  }

  /** Counts a job that is done or is given back. */
  letGo(): void {
    if (--this.#active > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Resolves when the worker holds no job. */
  idle(): Promise<void> {
    return this.#active === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /**
   * Records the start of a node.
   *
   * @returns a function to be called with the outcome when the node has ended
   */
  begin(
    { runId, incarnation, replica }: RunHandle,
    { node, round, attempt }: WorkItem,
    nodeId: string,
  ): (outcome: 'completed' | 'failed' | 'retried' | undefined) => void {
    const visit = replica.position.visitOf(node);
    const state = { nodeId, visit, attempt, workerId: this.workerId, incarnation, startedAt: Date.now() };
    const executing: Executing = { runId, item: `${replica.numbering.placeOf(node)}.${round}`, state, isSetDown: 'no' };
    this.#executing.add(executing);
    if (attempt > 1) this.retrying++;
    return (outcome) => {
      this.#executing.delete(executing);
      if (attempt > 1) this.retrying--;
      if (executing.isSetDown !== 'no') this.#done.push(executing);
      if (outcome !== undefined) this[outcome]++;
    };
  }

  /**
   * Reports to the engine: records nodes that have been executing for longer than `aMoment`, and clears nodes that have
   * ended. The next report repeats everything that the engine fails to do.
   */
  async report(store: WorkItemStateStore): Promise<void> {
    const since = Date.now() - aMoment;
    const states = [...this.#executing].filter(
      ({ isSetDown, state }) => isSetDown !== 'yes' && state.startedAt <= since,
    );
    const done = this.#done;
    this.#done = [];
    for (const executing of states) executing.isSetDown = 'maybe';
    try {
      if (states.length > 0) await store.setStates(states);
      for (const executing of states) executing.isSetDown = 'yes';
    } catch (error) {
      for (const executing of states) executing.unansweredAt = performance.now();
      throw error;
    } finally {
      await this.#clear(store, done);
      await this.#clearLate(store);
    }
  }

  async #clear(store: WorkItemStateStore, done: readonly Executing[]): Promise<void> {
    if (done.length === 0) return;
    try {
      await store.clearStates(done);
    } catch (error) {
      this.#done.push(...done);
      throw error;
    }
    const at = performance.now();
    for (const executing of done) if (mayCome(executing)) this.#late.push({ executing, at, wait: aMoment });
  }

  /**
   * Clears states that the engine recorded after they had been cleared. States of other executions of the same item are
   * kept.
   */
  async #clearLate(store: WorkItemStateStore): Promise<void> {
    const now = performance.now();
    const due = this.#late.filter(({ at }) => at <= now);
    if (due.length === 0) return;
    const found: Executing[] = [];
    for (const runId of new Set(due.map(({ executing }) => executing.runId))) {
      const states = await store.getStates(runId);
      const ofRun = due.map(({ executing }) => executing).filter((executing) => executing.runId === runId);
      found.push(...ofRun.filter(({ state }) => states.some((other) => isSame(state, other))));
    }
    if (found.length > 0) await store.clearStates(found);
    const again = due
      .filter(({ executing }) => mayCome(executing))
      .map(({ executing, wait }) => ({ executing, at: now + wait, wait: wait * 2 }));
    this.#late = [...this.#late.filter((late) => !due.includes(late)), ...again];
  }
}

function mayCome({ unansweredAt }: Executing): boolean {
  return unansweredAt !== undefined && performance.now() - unansweredAt < longestLate;
}

function isSame(one: WorkItemState, other: WorkItemState): boolean {
  const parts = ['workerId', 'nodeId', 'visit', 'attempt', 'incarnation', 'startedAt'] as const;
  return parts.every((part) => one[part] === other[part]);
}
