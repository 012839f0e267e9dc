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

/** How long a loop has, after signals have aborted, before it is left behind. In milliseconds. */
const grace = 1_000;

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
  readonly #lives: Lives;
  #ended: Promise<StopReport> | undefined = undefined;
  /** How it has ended, where it was left behind. */
  #left: Promise<StopReport> | undefined = undefined;
  #state: LoopState = 'stopped';
  #error: Error | undefined = undefined;
  #stop: Stop | undefined = undefined;
  #hasBegun = false;
  /** How the loop is wanted to be. `pausing`: paused, when those that push to it are. */
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

  /** From the moment it is started to the moment it has ended. */
  get isRunning(): boolean {
    return this.#ended !== undefined;
  }

  /** If true, it takes messages from its queue, now or when it has been made anew. */
  get isReading(): boolean {
    if (!this.isRunning || this.#stop === 'now') return false;
    return this.#stop !== undefined || !(this.#wanted === 'paused' || this.#state === 'paused');
  }

  /** How the loop is wanted to be, if anybody has said so. */
  get desired(): DesiredState | undefined {
    return this.#wanted === 'pausing' ? 'paused' : this.#wanted;
  }

  /** Says how the loop is wanted to be. It does so when it is told to: `start`, `pause`, `resume`, `stop`. */
  want(state: DesiredState): void {
    this.#wanted = state === 'paused' && this.#wanted !== 'paused' ? 'pausing' : state;
  }

  /** The queues in which it waits for room. */
  get waitsIn(): ReadonlySet<string> {
    return this.#lives.present?.waitsIn ?? new Set();
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
    const life = this.#lives.begin();
    try {
      this.shape = await life.prepare();
      return life;
    } catch (error) {
      if (this.#lives.drop(life) && !this.isRunning) this.#become('error', error as Error);
      throw error;
    }
  }

  /** Lets go of a life that was made ready and not started. */
  async discard(): Promise<void> {
    const life = this.#lives.present;
    if (this.isRunning || life === undefined) return;
    this.#lives.drop(life);
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
   * Pauses the loop, unless it is wanted otherwise meanwhile. Resolves when the iteration that is under way has ended. One that
   * is restarting is paused when it is back.
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
   * Its time is over: signals abort; what does not end then is terminated, or left behind.
   *
   * @returns how it has ended; nothing for one that does not run
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
    // It may have ended as this one gave up, and have been followed by another.
    if (this.#ended !== ended) return undefined;
    this.#left ??= this.#leave(reason, inFlight);
    await ended;
    return this.#left;
  }

  /** @throws {LoopStateError} where it does not run, or has no such node */
  replay(nodeId: string, value: unknown): void {
    if (this.#lives.present === undefined || !this.isRunning)
      throw new LoopStateError(this.id, this.#state, 'it does not run');
    if (!this.shape.nodes.includes(nodeId))
      throw new LoopStateError(this.id, this.#state, `it has no node "${nodeId}"`);
    this.#lives.present.pooled.replay(nodeId, value);
  }

  metrics(): LoopMetrics {
    return this.#lives.metrics(this.#state, this.#recovery.total, this.#error);
  }

  /** From life to life, until one ends as it should, or there have been too many. */
  async #live(begun: Answer<void>): Promise<StopReport> {
    for (let crash: StopReport | undefined; ; ) {
      try {
        const life = await this.prepare();
        if (life.isOver) throw new LoopStateError(this.id, 'stopped', 'it was stopped before it had begun');
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
        // It was let go of while it was made anew: what it has ended with is the crash.
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

  /** Goes on without it, whatever becomes of its code. */
  async #leave(reason: Error, inFlight: number): Promise<StopReport> {
    const report = this.#lives.reportOf('aborted', reason);
    const isGone = await this.#lives.end();
    this.#become('stopped', reason);
    return { ...report, reason: isGone ? 'terminated' : 'aborted', inFlight };
  }

  /** Its thread or process is gone. @returns if true, it is to be made anew now */
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

  /** Asked again after a wait: it may have been stopped meanwhile. */
  #isNotStopped(): boolean {
    return this.#stop !== 'now';
  }

  /** If true, nothing is left for another life: it is to drain, and its queue is empty. */
  #isDrained(): boolean {
    const { reads } = this.shape;
    if (this.#stop !== 'drained' || reads === undefined) return false;
    const inlet = this.host.inlet(reads);
    inlet.end();
    return inlet.isDrained;
  }

  #onEvent(event: LoopEvent): void {
    // How a life ends is known here, when it is over.
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
