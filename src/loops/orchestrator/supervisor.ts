import pTimeout from 'p-timeout';
import type { PlacedLoop, RestartPolicy } from '../definition.js';
import { LoopStateError } from '../errors.js';
import type { LoopEnd, LoopMetrics, LoopState } from '../health.js';
import type { LoopEvent } from '../host.js';
import { Restarts } from '../manager/restarts.js';
import type { LoopShape, PooledLoop } from '../pools/pool.js';
import { Life, type WorkflowHost } from './life.js';
import { Tally } from './tally.js';

/** How a loop has been stopped. */
export interface StopReport {
  readonly loopId: string;
  readonly reason: LoopEnd['reason'] | 'aborted' | 'terminated' | 'crashed';
  /** Iterations since the loop was started, crashes and restarts included. */
  readonly iterations: number;
  /** Iterations and calls of non-blocking nodes that did not end. */
  readonly inFlight: number;
  readonly error?: Error | undefined;
}

/**
 * How a loop is stopped. `read on`: it takes no notice of pauses and back-offs any more. `drained`: it ends when the queue that
 * it reads is empty. `now`: behind the iteration that is under way. Each includes those before it.
 */
export type Stop = 'read on' | 'drained' | 'now';

const stops: readonly (Stop | undefined)[] = [undefined, 'read on', 'drained', 'now'];

/** How long a loop has, after signals have aborted, before it is left behind. In milliseconds. */
const grace = 1_000;

/** Settles what `start` has given. */
interface Start {
  readonly succeeded: () => void;
  readonly failed: (error: Error) => void;
}

/**
 * One loop over all its lives: it is started, stopped and started again, and, when its thread or process ends by itself,
 * made anew as its policy says. Its state is that of its life; between two lives, `stopped`, `restarting` or `error`.
 *
 *     made ready ─► started ─► ended
 *         ▲            │
 *         └─ back-off ◄┴─ crashed
 *
 * Asked to stop `now`, it is let go of where it is made ready or waits out a back-off; asked to drain, it goes on from there
 * at once, since messages wait for it. A life that has not begun for the first time is let go of in both cases.
 */
export class Supervisor {
  readonly id: string;
  shape: LoopShape;
  #life: Life | undefined = undefined;
  #ended: Promise<StopReport> | undefined = undefined;
  /** How it has ended, where it was left behind. */
  #left: Promise<StopReport> | undefined = undefined;
  #gone: Promise<boolean> = Promise.resolve(false);
  #state: LoopState = 'stopped';
  #error: Error | undefined = undefined;
  readonly #tally = new Tally();
  #stop: Stop | undefined = undefined;
  #hasBegun = false;
  #isPaused = false;
  #endWait: (() => void) | undefined = undefined;
  readonly #crashes = new Restarts();

  constructor(
    readonly placed: PlacedLoop,
    private readonly newLife: () => PooledLoop,
    private readonly around: WorkflowHost,
  ) {
    this.id = placed.id;
    this.shape = { id: this.id, reads: undefined, pushes: [], nodes: [], batch: 1 };
  }

  get state(): LoopState {
    return this.#state;
  }

  /** From the moment it is started to the moment it has ended. */
  get isRunning(): boolean {
    return this.#ended !== undefined;
  }

  /** If true, it takes messages from its queue, now or when it has been made anew. */
  get isReading(): boolean {
    if (!this.isRunning || this.#stop === 'now') return false;
    return this.#stop !== undefined || !(this.#isPaused || this.#state === 'paused');
  }

  /** The queues in which it waits for room. */
  get waitsIn(): ReadonlySet<string> {
    return this.#life?.waitsIn ?? new Set();
  }

  /** How it ends; nothing for one that does not run. It never rejects. */
  get ended(): Promise<StopReport> | undefined {
    return this.#ended;
  }

  /**
   * Makes it ready, so that its shape is known.
   *
   * @throws {LoopStateError} where it is let go of meanwhile
   */
  async prepare(): Promise<Life> {
    this.#life ??= new Life(this.id, this.newLife(), this.around, (event) => this.#onEvent(event));
    const life = this.#life;
    try {
      this.shape = await life.prepare();
      return life;
    } catch (error) {
      if (this.#life === life) {
        this.#life = undefined;
        if (!this.isRunning) this.#become('error', error as Error);
      }
      throw error;
    }
  }

  /** Lets go of a life that was made ready and not started. */
  async discard(): Promise<void> {
    const life = this.#life;
    if (this.isRunning || life === undefined) return;
    this.#life = undefined;
    await life.end();
  }

  /**
   * Resolves when it runs.
   *
   * @param options - `paused`: it is paused before its first iteration
   */
  start({ paused }: { readonly paused: boolean }): Promise<void> {
    if (this.isRunning) throw new LoopStateError(this.id, this.#state, 'it has been started');
    this.#stop = undefined;
    this.#left = undefined;
    this.#hasBegun = false;
    this.#isPaused = paused;
    this.#error = undefined;
    this.#tally.started();
    return new Promise<void>((succeeded, failed) => {
      const ended = this.#live({ succeeded, failed });
      this.#ended = ended;
      void ended.then(() => {
        if (this.#ended === ended) this.#ended = undefined;
      });
    });
  }

  /** Resolves when the iteration that is under way has ended. One that is restarting is paused when it is back. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#life?.pooled.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#life?.pooled.resume();
  }

  stop(how: Stop): void {
    if (stops.indexOf(how) > stops.indexOf(this.#stop)) this.#stop = how;
    this.#endWait?.();
    const life = this.#life;
    if (life === undefined) return;
    if (!life.hasStarted && (how === 'now' || !this.#hasBegun)) void this.#endLife();
    else if (how === 'now') life.pooled.stop({ drain: false });
    else if (how === 'drained') life.drain();
    else life.readOn();
  }

  /**
   * Its time is over: signals abort; what does not end then is terminated, or left behind.
   *
   * @returns how it has ended; nothing for one that does not run
   */
  async abort(reason: Error): Promise<StopReport | undefined> {
    const [ended, life] = [this.#ended, this.#life];
    if (ended === undefined) return undefined;
    const { inFlight } = this.#reportOf('aborted', reason);
    this.stop('now');
    if (life?.isOver === false) life.abort(reason);
    const inTime = await pTimeout(ended, { milliseconds: grace, fallback: () => undefined });
    if (inTime !== undefined) {
      if (inTime.reason === 'crashed') return inTime;
      return { error: reason, ...inTime, reason: 'aborted', inFlight };
    }
    // It may have ended as this one gave up, and have been followed by another.
    if (this.#ended !== ended) return undefined;
    this.#left ??= this.#leave(reason, inFlight);
    await ended;
    return this.#left;
  }

  /** @throws {LoopStateError} where it does not run, or has no such node */
  replay(nodeId: string, value: unknown): void {
    if (this.#life === undefined || !this.isRunning) throw new LoopStateError(this.id, this.#state, 'it does not run');
    if (!this.shape.nodes.includes(nodeId))
      throw new LoopStateError(this.id, this.#state, `it has no node "${nodeId}"`);
    this.#life.pooled.replay(nodeId, value);
  }

  metrics(): LoopMetrics {
    return this.#tally.metrics({
      loopId: this.id,
      state: this.#state,
      report: this.#life?.pooled.report(),
      crashes: this.#crashes.total,
      error: this.#error,
    });
  }

  /** From life to life, until one ends as it should, or there have been too many. */
  async #live(start: Start): Promise<StopReport> {
    for (let crash: StopReport | undefined; ; ) {
      try {
        const life = await this.prepare();
        if (life.isOver) throw new LoopStateError(this.id, 'stopped', 'it was stopped before it had begun');
        if (this.#stop === 'read on') life.readOn();
        if (this.#stop === 'drained') life.drain();
        const ended = await life.start({ paused: this.#isPaused && this.#stop === undefined });
        this.#hasBegun = true;
        start.succeeded();
        return await this.#hasEnded(await ended());
      } catch (thrown) {
        const error = thrown as Error;
        if (!this.#hasBegun) return await this.#hasNotBegun(error, start);
        if (this.#left !== undefined) return this.#left;
        // It was let go of while it was made anew: what it has ended with is the crash.
        const isLetGo = crash !== undefined && this.#stop === 'now' && this.#life === undefined;
        const report: StopReport = isLetGo && crash !== undefined ? crash : this.#reportOf('crashed', error);
        crash = report;
        await this.#endLife();
        if (!isLetGo) {
          this.around.report({ type: 'failure', nodeId: '', iteration: report.iterations, error });
        }
        if (!(await this.#mayRestart(report))) return report;
      }
    }
  }

  async #hasEnded({ reason, error }: LoopEnd): Promise<StopReport> {
    const report = { ...this.#reportOf(reason, error), inFlight: 0 };
    await this.#endLife();
    this.#become(reason === 'error' ? 'error' : 'stopped', error);
    return report;
  }

  async #hasNotBegun(error: Error, start: Start): Promise<StopReport> {
    const reason = this.#stop === undefined ? 'crashed' : 'stopped';
    const report = this.#reportOf(reason, error);
    await this.#endLife();
    this.#become(this.#stop === undefined ? 'error' : 'stopped', error);
    start.failed(error);
    return this.#left ?? report;
  }

  /** Goes on without it, whatever becomes of its code. */
  async #leave(reason: Error, inFlight: number): Promise<StopReport> {
    const report = this.#reportOf('aborted', reason);
    const isGone = await this.#endLife();
    this.#become('stopped', reason);
    return { ...report, reason: isGone ? 'terminated' : 'aborted', inFlight };
  }

  /** How it stands, if it ended now. */
  #reportOf(reason: StopReport['reason'], error: Error | undefined): StopReport {
    const last = this.#life?.pooled.report();
    const inFlight = (last?.inFlight ?? 0) + (this.#life?.hasStarted && !this.#life.isIdle ? 1 : 0);
    const iterations = this.#tally.iterations(last);
    return { loopId: this.id, reason, iterations, inFlight, ...(error === undefined ? {} : { error }) };
  }

  /** Its thread or process is gone. @returns if true, it is to be made anew now */
  async #mayRestart({ error }: StopReport): Promise<boolean> {
    const isWanted = this.#stop !== 'now' && !this.#isDrained();
    const delay = isWanted ? this.#crashes.take(this.#crashPolicy, performance.now()) : undefined;
    if (delay !== undefined) {
      this.#become('restarting', error);
      await this.#wait(delay);
      if (this.#isNotStopped()) return true;
    }
    this.#become(isWanted && this.#isNotStopped() ? 'error' : 'stopped', error);
    return false;
  }

  /** Asked again after a wait: it may have been stopped meanwhile. */
  #isNotStopped(): boolean {
    return this.#stop !== 'now';
  }

  /** If true, nothing is left for another life: it is to drain, and its queue is empty. */
  #isDrained(): boolean {
    const { reads } = this.shape;
    if (this.#stop !== 'drained' || reads === undefined) return false;
    const inlet = this.around.inlet(reads);
    inlet.end();
    return inlet.isDrained;
  }

  get #crashPolicy(): RestartPolicy {
    const { onCrash = 'restart' } = this.placed;
    if (onCrash === 'stop') return { action: 'restart', limit: 0 };
    return onCrash === 'restart' ? { action: 'restart' } : onCrash;
  }

  /** Resolves when its thread or process is gone: with true, if it has one. */
  #endLife(): Promise<boolean> {
    const life = this.#life;
    if (life === undefined) return this.#gone;
    this.#tally.ended(life.pooled.report());
    this.#life = undefined;
    this.#gone = life.end();
    return this.#gone;
  }

  #onEvent(event: LoopEvent): void {
    // How a life ends is known here, when it is over.
    if (event.type === 'state') {
      if (event.state !== 'stopped' && event.state !== 'error') this.#become(event.state, event.error as Error);
      return;
    }
    this.around.report(event);
  }

  #become(state: LoopState, error?: Error): void {
    if (error !== undefined) this.#error = error;
    if (this.#state === state) return;
    this.#state = state;
    this.around.report({ type: 'state', state, ...(error === undefined ? {} : { error }) });
  }

  /** Unless it is stopped meanwhile. */
  async #wait(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
      this.#endWait = resolve;
    });
    clearTimeout(timer);
    this.#endWait = undefined;
  }
}
