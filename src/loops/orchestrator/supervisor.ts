import pTimeout from 'p-timeout';
import { type Answer, answer } from '../answer.js';
import type { PlacedLoop } from '../definition.js';
import { LoopStateError } from '../errors.js';
import type { LoopEnd, LoopMetrics, LoopState } from '../health.js';
import type { LoopEvent } from '../host.js';
import type { LoopShape, PooledLoop } from '../pools/pool.js';
import type { DesiredState } from '../store/contracts.js';
import type { Life, WorkflowHost } from './life.js';
import { Lives } from './lives.js';
import { Recovery } from './recovery.js';
import { furtherOf, type Stop, type StopReport } from './stop-report.js';

/** Milliseconds between the abort of a loop and its termination or, on the event loop, its abandonment. */
const grace = 1_000;

/**
 * Runs one loop over all its lives: starts it, stops it, and restarts it according to its policy when its thread or
 * process crashes. During a life, the state is the state of that life. Between two lives the state is `stopped`,
 * `restarting` or `error`.
 *
 *     prepared ─► started ─► ended
 *        ▲           │
 *        └ back-off ◄┴ crashed
 *
 * A stop `now` discards a life that is being prepared, and ends a back-off. A drain also ends a back-off, but starts
 * the next life at once, because messages are still waiting. Before the first start of a loop, both kinds of stop
 * discard the life that is being prepared.
 */
export class Supervisor {
  readonly id: string;
  shape: LoopShape;
  readonly #lives: Lives;
  #ended: Promise<StopReport> | undefined = undefined;
  /** The report of an abandoned or terminated loop. */
  #left: Promise<StopReport> | undefined = undefined;
  #state: LoopState = 'stopped';
  #error: Error | undefined = undefined;
  #stop: Stop | undefined = undefined;
  #hasBegun = false;
  /** Desired state of the loop. `pausing`: the loop is to be paused after the loops that push to its queue. */
  #wanted: DesiredState | 'pausing' | undefined = undefined;
  readonly #recovery: Recovery;

  constructor(
    readonly placed: PlacedLoop,
    newLoop: () => PooledLoop,
    private readonly host: WorkflowHost,
  ) {
    this.id = placed.id;
    this.#lives = new Lives(newLoop, { loopId: placed.id, host, onEvent: (event) => this.#onEvent(event) });
    this.#recovery = new Recovery(placed.onCrash);
    this.shape = { id: this.id, reads: undefined, pushes: [], nodes: [], batch: 1 };
  }

  get state(): LoopState {
    return this.#state;
  }

  /** If true, the loop has been started and has not ended. */
  get isRunning(): boolean {
    return this.#ended !== undefined;
  }

  /** If true, the loop takes messages from its queue, now or after a restart. */
  get isReading(): boolean {
    if (!this.isRunning || this.#stop === 'now') return false;
    return this.#stop !== undefined || !(this.#wanted === 'paused' || this.#state === 'paused');
  }

  /** Desired state of the loop, if one was set. */
  get desired(): DesiredState | undefined {
    return this.#wanted === 'pausing' ? 'paused' : this.#wanted;
  }

  /** Sets the desired state. Only `start`, `pause`, `resume` and `stop` change the loop itself. */
  want(state: DesiredState): void {
    this.#wanted = state === 'paused' && this.#wanted !== 'paused' ? 'pausing' : state;
  }

  /** Names of the queues in which a push of the loop waits for room. */
  get waitsIn(): ReadonlySet<string> {
    return this.#lives.present?.waitsIn ?? new Set();
  }

  /** Resolves with the report when the loop ends, and never rejects. Undefined if the loop is not running. */
  get ended(): Promise<StopReport> | undefined {
    return this.#ended;
  }

  /**
   * Prepares a life of the loop and stores the shape of the loop.
   *
   * @throws {LoopStateError} if the life is discarded in the meantime
   */
  async prepare(): Promise<Life> {
    const life = this.#lives.begin();
    try {
      this.shape = await life.prepare();
      return life;
    } catch (error) {
      if (this.#lives.drop(life) && !this.isRunning) this.#become('error', error as Error);
      throw error;
    }
  }

  /** Discards a life that was prepared but not started. */
  async discard(): Promise<void> {
    const life = this.#lives.present;
    if (this.isRunning || life === undefined) return;
    this.#lives.drop(life);
    await life.end();
  }

  /**
   * Starts the loop. Resolves when the loop is running.
   *
   * @param options - `paused`: pause the loop before its first iteration
   */
  start({ paused }: { readonly paused: boolean }): Promise<void> {
    if (this.isRunning) throw new LoopStateError(this.id, this.#state, 'call stop() before start()');
    this.#stop = undefined;
    this.#left = undefined;
    this.#hasBegun = false;
    this.#error = undefined;
    const before = this.#wanted;
    this.#wanted = paused ? 'paused' : 'running';
    this.#lives.started();
    const begun = answer();
    begun.promise.catch(() => {
      if (this.#wanted === 'running') this.#wanted = before;
    });
    const ended = this.#live(begun);
    this.#ended = ended;
    void ended.then(() => {
      if (this.#ended === ended) this.#ended = undefined;
    });
    return begun.promise;
  }

  /**
   * Pauses the loop, unless its desired state has changed. Resolves when the current iteration has ended. A loop that
   * is restarting is paused after the restart.
   */
  async pause(): Promise<void> {
    if (this.desired !== 'paused') return;
    this.#wanted = 'paused';
    await this.#lives.present?.pooled.pause();
  }

  resume(): void {
    this.#lives.present?.pooled.resume();
  }

  stop(how: Stop): void {
    this.#stop = furtherOf(this.#stop, how);
    this.#recovery.endWait();
    const life = this.#lives.present;
    if (life === undefined) return;
    if (!life.hasStarted && (how === 'now' || !this.#hasBegun)) void this.#lives.end();
    else if (how === 'now') life.pooled.stop({ drain: false });
    else if (how === 'drained') life.drain();
    else life.readOn();
  }

  /**
   * Aborts the signals of the loop. A loop that does not end within the grace period is terminated or, on the event
   * loop, abandoned.
   *
   * @returns the report, or undefined if the loop is not running
   */
  async abort(reason: Error): Promise<StopReport | undefined> {
    const [ended, life] = [this.#ended, this.#lives.present];
    if (ended === undefined) return undefined;
    const { inFlight } = this.#lives.reportOf('aborted', reason);
    this.stop('now');
    if (life?.isOver === false) life.abort(reason);
    const inTime = await pTimeout(ended, { milliseconds: grace, fallback: () => undefined });
    if (inTime !== undefined) {
      if (inTime.reason === 'crashed') return inTime;
      return { error: reason, ...inTime, reason: 'aborted', inFlight };
    }
    // The loop may have ended at this very moment, and may have been started again.
    if (this.#ended !== ended) return undefined;
    this.#left ??= this.#leave(reason, inFlight);
    await ended;
    return this.#left;
  }

  /**
   * Passes a value to a node again.
   *
   * @throws {LoopStateError} if the loop is not running or has no such node
   */
  replay(nodeId: string, value: unknown): void {
    if (this.#lives.present === undefined || !this.isRunning)
      throw new LoopStateError(this.id, this.#state, 'call start() first');
    if (!this.shape.nodes.includes(nodeId))
      throw new LoopStateError(this.id, this.#state, `it has no node "${nodeId}", only ${this.shape.nodes.join(', ')}`);
    this.#lives.present.pooled.replay(nodeId, value);
  }

  metrics(): LoopMetrics {
    return this.#lives.metrics(this.#state, this.#recovery.total, this.#error);
  }

  /** Runs one life after another, until a life ends without a crash or the policy allows no more restarts. */
  async #live(begun: Answer<void>): Promise<StopReport> {
    for (let crash: StopReport | undefined; ; ) {
      try {
        const life = await this.prepare();
        if (life.isOver)
          throw new LoopStateError(this.id, 'stopped', 'it was stopped during its start, call start() again');
        if (this.#stop === 'read on') life.readOn();
        if (this.#stop === 'drained') life.drain();
        const ended = await life.start({ paused: this.#wanted === 'paused' && this.#stop === undefined });
        this.#hasBegun = true;
        begun.resolve();
        return await this.#hasEnded(await ended());
      } catch (thrown) {
        const error = thrown as Error;
        if (!this.#hasBegun) return await this.#hasNotBegun(error, begun);
        if (this.#left !== undefined) return this.#left;
        // The life was discarded during a restart, so the crash before the restart is what ended the loop.
        const isLetGo = crash !== undefined && this.#stop === 'now' && this.#lives.present === undefined;
        const report: StopReport = isLetGo && crash !== undefined ? crash : this.#lives.reportOf('crashed', error);
        crash = report;
        await this.#lives.end();
        if (!isLetGo) {
          this.host.report({ type: 'failure', nodeId: '', iteration: report.iterations, error });
        }
        if (!(await this.#mayRestart(report))) return report;
      }
    }
  }

  async #hasEnded({ reason, error }: LoopEnd): Promise<StopReport> {
    const report = { ...this.#lives.reportOf(reason, error), inFlight: 0 };
    await this.#lives.end();
    this.#become(reason === 'error' ? 'error' : 'stopped', error);
    return report;
  }

  async #hasNotBegun(error: Error, begun: Answer<void>): Promise<StopReport> {
    const reason = this.#stop === undefined ? 'crashed' : 'stopped';
    const report = this.#lives.reportOf(reason, error);
    await this.#lives.end();
    this.#become(this.#stop === undefined ? 'error' : 'stopped', error);
    begun.reject(error);
    return this.#left ?? report;
  }

  /** Reports the loop as ended, without waiting for its code. */
  async #leave(reason: Error, inFlight: number): Promise<StopReport> {
    const report = this.#lives.reportOf('aborted', reason);
    const isGone = await this.#lives.end();
    this.#become('stopped', reason);
    return { ...report, reason: isGone ? 'terminated' : 'aborted', inFlight };
  }

  /**
   * Waits out the back-off after a crash.
   *
   * @returns true if the loop is to be restarted now
   */
  async #mayRestart({ error }: StopReport): Promise<boolean> {
    const isWanted = this.#stop !== 'now' && !this.#isDrained();
    const delay = isWanted ? this.#recovery.take() : undefined;
    if (delay !== undefined) {
      this.#become('restarting', error);
      await this.#recovery.wait(delay);
      if (this.#isNotStopped()) return true;
    }
    this.#become(isWanted && this.#isNotStopped() ? 'error' : 'stopped', error);
    return false;
  }

  /**
   * Returns true unless the loop has to stop at once. Called again after each wait, because the loop may have been
   * stopped in the meantime.
   */
  #isNotStopped(): boolean {
    return this.#stop !== 'now';
  }

  /** Returns true if the loop drains and its queue is empty, so that no further life is needed. */
  #isDrained(): boolean {
    const { reads } = this.shape;
    if (this.#stop !== 'drained' || reads === undefined) return false;
    const inlet = this.host.inlet(reads);
    inlet.end();
    return inlet.isDrained;
  }

  #onEvent(event: LoopEvent): void {
    // The end of a life is reported later, when the life has ended completely.
    if (event.type === 'state') {
      if (event.state !== 'stopped' && event.state !== 'error') this.#become(event.state, event.error as Error);
      return;
    }
    this.host.report(event);
  }

  #become(state: LoopState, error?: Error): void {
    if (error !== undefined) this.#error = error;
    if (this.#state === state) return;
    this.#state = state;
    this.host.report({ type: 'state', state, ...(error === undefined ? {} : { error }) });
  }
}
