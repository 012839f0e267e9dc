import type { WorkItemState, WorkItemStateStore } from '../contracts.js';
import type { Item } from '../journal/ledger.js';
import type { RunHandle } from '../run/run-handle.js';

/** How long a node has to be under way before it is set down, in milliseconds. */
const aMoment = 250;

/** For how long a call that the engine has not answered may yet be carried out, in milliseconds. */
const longestLate = 30_000;

interface Executing {
  readonly runId: string;
  readonly item: string;
  readonly state: WorkItemState;
  isSetDown: 'no' | 'maybe' | 'yes';
  /** When the engine was last asked to set it down and did not say that it did: it may still do it. By the monotonic clock. */
  unansweredAt?: number;
}

/** A node that has ended, and of which a state may yet come. */
interface Late {
  readonly executing: Executing;
  /** When it is looked for again, and how long after that once more. By the monotonic clock. */
  readonly at: number;
  readonly wait: number;
}

/** What a worker is doing, and has done: its counts, and the nodes that take longer than a moment. */
export class Activity {
  #active = 0;
  #onIdle: (() => void)[] = [];
  completed = 0;
  failed = 0;
  retried = 0;
  /** How many of the nodes under way are tried again. */
  retrying = 0;
  /** How many items are executed in which workers may have died. */
  suspects = 0;
  /** Whether one of them is given up if its worker dies once more; then it is the only one. */
  hasLastChance = false;
  readonly #executing = new Set<Executing>();
  #done: Executing[] = [];
  #late: Late[] = [];

  constructor(private readonly workerId: string) {}

  /** How many jobs it holds. */
  get active(): number {
    return this.#active;
  }

  /** A job was delivered. */
  take(): void {
    this.#active++;
  }

  /** A job is done, or goes back. */
  letGo(): void {
    if (--this.#active > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Resolves when it holds no job. */
  idle(): Promise<void> {
    return this.#active === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** A node begins. @returns what is to be told how it has ended */
  begin(
    { runId, incarnation, replica }: RunHandle,
    { node, round, attempt }: Item,
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
   * Sets down what has been under way for a moment, and that what was is not any more. What the engine does not do now is
   * for the next report.
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

  /** Looks for what may have come after it was removed. What others have set down for the same item since stays. */
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
