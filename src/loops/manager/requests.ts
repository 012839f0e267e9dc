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

/** A payload that is to be given to a node once more. */
interface Replay {
  readonly node: PlannedNode;
  readonly value: unknown;
}

/** What the requests of a loop have to do with. */
export interface Requested {
  readonly plan: LoopPlan;
  readonly host: LoopHost;
  readonly attention: Attention;
  readonly standing: Standing;
  readonly iterations: Iterations;
  readonly nodeSetUp: NodeSetUp;
}

/**
 * What is asked of a loop while it runs: to pause, to go on, to end, to give a payload to a node once more, and, since a node
 * has failed, what its policy says. All of it is seen to between two iterations.
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

  /** How often the loop has been restarted. */
  get restarts(): number {
    return this.#restarts.total;
  }

  /** Asks for a pause. @returns when the loop is paused, or is to go on or to end instead */
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

  /** @param options - `drain`: a loop that reads a queue goes on until that is drained */
  stop({ drain }: { readonly drain: boolean }): void {
    const { plan, attention, iterations } = this.#loop;
    if (this.#stop !== 'now') this.#stop = drain && plan.reads !== undefined ? 'drained' : 'now';
    iterations.isDraining = this.#stop === 'drained';
    attention.ask();
  }

  /** @throws {LoopStateError} where there is no such node, or the loop has ended */
  replay(nodeId: string, value: unknown): void {
    const { plan, attention, standing } = this.#loop;
    const node = plan.nodes.find(({ id }) => id === nodeId);
    if (node === undefined || standing.isOver)
      throw new LoopStateError(plan.id, standing.state, `"${nodeId}" is not there`);
    this.#replays.push({ node, value });
    attention.ask();
  }

  /** Who waits until the loop is paused waits no longer. */
  nobodyWaits(): void {
    for (const resolve of this.#onPaused.splice(0)) resolve();
  }

  /** Does what has been asked for. @returns how the loop ends, if it does */
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
      // Something may have been asked for meanwhile.
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

  /** What it did not come to is not lost. */
  returnReplays(): void {
    const { plan, host, iterations } = this.#loop;
    const { id: loopId } = plan;
    for (const { node, value } of this.#replays.splice(0)) {
      const error = new LoopStateError(loopId, 'stopped', `it has ended before "${node.id}" got this again`);
      const letter = { loopId, nodeId: node.id, iteration: iterations.count, value, error, time: Date.now() };
      host.report({ type: 'dead-letter', letter });
    }
  }

  /** Asked again after a wait: it may have been stopped meanwhile. */
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
