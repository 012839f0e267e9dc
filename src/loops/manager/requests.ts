import { failureOf } from '../../kernel/errors.js';
import type { RestartPolicy } from '../definition.js';
import { LoopStateError } from '../errors.js';
import type { LoopEnd } from '../health.js';
import type { LoopHost } from '../host.js';
import type { LoopPlan, PlannedNode } from '../plan.js';
import type { Attention } from './attention.js';
import type { Iterations, Verdict } from './iterations.js';
import type { NodeSetUp } from './node-set-up.js';
import { Restarts } from './restarts.js';
import type { Standing } from './standing.js';

/** A value that is to be passed to a node again. */
interface Replay {
  readonly node: PlannedNode;
  readonly value: unknown;
}

/** The parts of a loop that its requests act on. */
export interface Requested {
  readonly plan: LoopPlan;
  readonly host: LoopHost;
  readonly attention: Attention;
  readonly standing: Standing;
  readonly iterations: Iterations;
  readonly nodeSetUp: NodeSetUp;
}

/**
 * Requests to a running loop: pause, resume, stop, replay, and the error policy of a failed node. All of them are
 * handled between two iterations.
 */
export class Requests {
  readonly #loop: Requested;
  readonly #restarts = new Restarts();
  readonly #replays: Replay[] = [];
  #isPaused = false;
  #onPaused: (() => void)[] = [];
  #stop: 'now' | 'drained' | undefined = undefined;

  constructor(loop: Requested) {
    this.#loop = loop;
  }

  /** Number of restarts of the loop. */
  get restarts(): number {
    return this.#restarts.total;
  }

  /** Requests a pause. Resolves when the loop is paused, or when a request to resume or end replaces the pause. */
  pause(): Promise<void> {
    const { attention, standing } = this.#loop;
    this.#isPaused = true;
    if (standing.state === 'paused') return Promise.resolve();
    const paused = new Promise<void>((resolve) => this.#onPaused.push(resolve));
    attention.ask();
    return paused;
  }

  resume(): void {
    this.#isPaused = false;
    this.nobodyWaits();
    this.#loop.attention.ask();
  }

  /**
   * Requests the end of the loop.
   *
   * @param options - `drain`: if true, a loop that reads a queue continues until the queue is drained
   */
  stop({ drain }: { readonly drain: boolean }): void {
    const { plan, attention, iterations } = this.#loop;
    if (this.#stop !== 'now') this.#stop = drain && plan.reads !== undefined ? 'drained' : 'now';
    iterations.isDraining = this.#stop === 'drained';
    attention.ask();
  }

  /**
   * Requests the replay of a value.
   *
   * @throws {LoopStateError} if there is no such node, or the loop has ended
   */
  replay(nodeId: string, value: unknown): void {
    const { plan, attention, standing } = this.#loop;
    const node = plan.nodes.find(({ id }) => id === nodeId);
    if (node === undefined || standing.isOver)
      throw new LoopStateError(plan.id, standing.state, `it has no running node "${nodeId}" to replay to`);
    this.#replays.push({ node, value });
    attention.ask();
  }

  /** Resolves the promises of all calls of `pause`. */
  nobodyWaits(): void {
    for (const resolve of this.#onPaused.splice(0)) resolve();
  }

  /**
   * Handles all requests.
   *
   * @returns the end of the loop, if a request ends it
   */
  async see(): Promise<LoopEnd | undefined> {
    const { attention, standing, iterations } = this.#loop;
    for (;;) {
      attention.isWanted = false;
      const { verdict } = iterations;
      iterations.verdict = undefined;
      if (verdict !== undefined && !iterations.signal.aborted) {
        const end = await this.#judge(verdict);
        if (end !== undefined) return end;
      }
      if (this.#isToEnd) return { reason: 'stopped' };
      while (this.#replays[0] !== undefined && !this.#isToEnd) await this.#replay(this.#replays[0]);
      // New requests may have arrived during the wait.
      if (attention.isWanted) continue;
      if (!this.#isPaused || this.#stop !== undefined) break;
      standing.become('paused', standing.error);
      this.nobodyWaits();
      await attention.asked();
    }
    standing.error = undefined;
    standing.become('running');
    return undefined;
  }

  /** Turns replays that were not handled into dead letters again. */
  returnReplays(): void {
    const { plan, host, iterations } = this.#loop;
    const { id: loopId } = plan;
    for (const { node, value } of this.#replays.splice(0)) {
      const error = new LoopStateError(
        loopId,
        'stopped',
        `it ended before the replay to "${node.id}", call deadLetters.replay() again`,
      );
      const letter = { loopId, nodeId: node.id, iteration: iterations.count, value, error, time: Date.now() };
      host.report({ type: 'dead-letter', letter });
    }
  }

  /**
   * If true, the loop has to end. Read again after each wait, because the loop may have been stopped in the meantime.
   */
  get #isToEnd(): boolean {
    return this.#stop === 'now';
  }

  async #replay({ node, value }: Replay): Promise<void> {
    if (await this.#loop.iterations.replay(node, value)) this.#replays.shift();
  }

  async #judge({ policy, error }: Verdict): Promise<LoopEnd | undefined> {
    this.#loop.standing.error = error;
    if (policy === 'stop') return { reason: 'error', error };
    if (policy === 'pause') {
      this.#isPaused = true;
      return undefined;
    }
    return this.#restart(policy === 'restart' ? { action: 'restart' } : policy, error);
  }

  async #restart(policy: RestartPolicy, cause: Error): Promise<LoopEnd | undefined> {
    const { plan, host, attention, standing, iterations, nodeSetUp } = this.#loop;
    for (let error = cause; ; ) {
      const delay = this.#restarts.take(policy, performance.now());
      if (delay === undefined) return { reason: 'error', error };
      standing.become('restarting', error);
      await iterations.nodes?.settled();
      await nodeSetUp.cleanUp();
      await attention.sleepWhile(delay, () => this.#stop === undefined);
      if (this.#isToEnd) return { reason: 'stopped' };
      try {
        await nodeSetUp.setUp();
        return undefined;
      } catch (thrown) {
        error = failureOf(thrown, plan.id);
        standing.error = error;
        host.report({ type: 'failure', nodeId: plan.producer.id, iteration: iterations.count, error });
      }
    }
  }
}
