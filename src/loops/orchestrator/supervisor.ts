import pTimeout from 'p-timeout';
import type { ModuleLoop, PlacedLoop, RestartPolicy } from '../definition.js';
import { LoopStateError } from '../errors.js';
import type { LoopMetrics, LoopState } from '../health.js';
import type { LoopEvent } from '../host.js';
import type { LoopEnd } from '../manager/loop-manager.js';
import { Restarts } from '../manager/restarts.js';
import type { HostedLoop, LoopReport, LoopShape } from '../pools/pool.js';
import { Life, type Surroundings } from './life.js';
import { Rate } from './rate.js';

/** How a loop has been stopped. */
export interface StopReport {
  readonly loopId: string;
  readonly reason: LoopEnd['reason'] | 'aborted' | 'terminated' | 'crashed';
  readonly iterations: number;
  /** Iterations and calls of non-blocking nodes that did not end. */
  readonly inFlight: number;
  readonly error?: Error | undefined;
}

/** How long a loop has, after signals have aborted, before it is left behind. In milliseconds. */
const grace = 1_000;

/** Settles what `start` has given. */
interface Start {
  readonly succeeded: () => void;
  readonly failed: (error: Error) => void;
}

/**
 * One loop over all its lives: it is started, stopped and started again, and, where its thread or process ends by itself,
 * made anew as its policy says. Its state is that of its life; between two lives, `stopped`, `restarting` or `error`.
 */
export class Supervisor {
  readonly id: string;
  shape: LoopShape = { reads: undefined, pushes: [], nodes: [], batch: 1 };
  #life: Life | undefined = undefined;
  #ended: Promise<StopReport> | undefined = undefined;
  /** Ends it here, whatever becomes of its life. */
  #leave: (report: StopReport) => void = () => {};
  #state: LoopState = 'stopped';
  #error: Error | undefined = undefined;
  #last: LoopReport | undefined = undefined;
  readonly #rate = new Rate();
  /** What lives before the current one have done. */
  #before = { iterations: 0, errors: 0, restarts: 0 };
  #isStopping = false;
  #isPaused = false;
  #endWait: (() => void) | undefined = undefined;
  readonly #crashes = new Restarts();

  constructor(
    readonly placed: PlacedLoop,
    private readonly newLife: () => HostedLoop,
    private readonly around: Surroundings,
  ) {
    this.id = placed.id;
  }

  get state(): LoopState {
    return this.#state;
  }

  /** From the moment it is started to the moment it has ended. */
  get isRunning(): boolean {
    return this.#ended !== undefined;
  }

  /** How it ends; nothing for one that does not run. It never rejects. */
  get ended(): Promise<StopReport> | undefined {
    return this.#ended;
  }

  /** Makes it ready, so that its shape is known. */
  async prepare(): Promise<Life> {
    this.#life ??= new Life(this.id, this.newLife(), this.around, (event) => this.#onEvent(event));
    const life = this.#life;
    try {
      this.shape = await life.hosted.prepare();
      return life;
    } catch (error) {
      if (this.#life === life) this.#life = undefined;
      if (!this.isRunning) this.#become('error', error as Error);
      throw error;
    }
  }

  /** Lets go of a life that was made ready and not started. */
  async discard(): Promise<void> {
    const life = this.#life;
    if (this.isRunning || life === undefined) return;
    this.#life = undefined;
    await life.hosted.terminate();
  }

  /**
   * Resolves when it runs.
   *
   * @param options - `paused`: it is paused before its first iteration
   */
  start({ paused }: { readonly paused: boolean }): Promise<void> {
    if (this.isRunning) throw new LoopStateError(this.id, this.#state, 'it has been started');
    this.#isStopping = false;
    this.#isPaused = paused;
    this.#error = undefined;
    return new Promise<void>((succeeded, failed) => {
      const left = new Promise<StopReport>((resolve) => {
        this.#leave = (report) => {
          resolve(report);
          failed(new LoopStateError(this.id, 'stopped', 'it was stopped before it had begun'));
        };
      });
      const ended = Promise.race([this.#live({ succeeded, failed }), left]);
      this.#ended = ended;
      void ended.then(() => {
        if (this.#ended === ended) this.#ended = undefined;
      });
    });
  }

  /** Resolves when the iteration that is under way has ended. One that is restarting is paused when it is back. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#life?.hosted.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#life?.hosted.resume();
  }

  stop({ drain }: { readonly drain: boolean }): void {
    this.#isStopping = true;
    this.#endWait?.();
    if (drain) this.#life?.drain();
    this.#life?.hosted.stop({ drain });
  }

  /** Its time is over: signals abort; what does not end then is terminated, or left behind. */
  async abort(reason: Error): Promise<StopReport | undefined> {
    const [ended, life] = [this.#ended, this.#life];
    if (ended === undefined) return undefined;
    const { inFlight: beside = 0 } = life?.hosted.report() ?? {};
    const inFlight = beside + (life?.isIdle === false ? 1 : 0);
    this.#isStopping = true;
    this.#endWait?.();
    life?.hosted.abort(reason);
    life?.abort(reason);
    const inTime = await pTimeout(ended, { milliseconds: grace, fallback: () => undefined });
    if (inTime !== undefined) return { ...inTime, reason: 'aborted', inFlight };
    // It may have ended as this one gave up, and have been followed by another.
    if (this.#ended !== ended) return undefined;
    const { iterations = 0 } = life?.hosted.report() ?? {};
    this.#endLife();
    const isGone = (await life?.hosted.terminate()) === true;
    const report: StopReport = {
      loopId: this.id,
      reason: isGone ? 'terminated' : 'aborted',
      iterations,
      inFlight,
      error: reason,
    };
    this.#become('stopped', reason);
    this.#leave(report);
    await ended;
    return report;
  }

  /** @throws {LoopStateError} where it does not run, or has no such node */
  replay(nodeId: string, value: unknown): void {
    if (this.#life === undefined || !this.isRunning) throw new LoopStateError(this.id, this.#state, 'it does not run');
    if (!this.shape.nodes.includes(nodeId))
      throw new LoopStateError(this.id, this.#state, `it has no node "${nodeId}"`);
    this.#life.hosted.replay(nodeId, value);
  }

  metrics(): LoopMetrics {
    const last = this.#life?.hosted.report() ?? this.#last;
    const { iterations, errors, restarts } = this.#before;
    const done = iterations + (last?.iterations ?? 0);
    return {
      loopId: this.id,
      missedTicks: last?.missedTicks ?? 0,
      inFlight: last?.inFlight ?? 0,
      durations: last?.durations ?? { p50: 0, p90: 0, p99: 0, max: 0 },
      nodes: last?.nodes ?? [],
      iterations: done,
      errors: errors + (last?.errors ?? 0),
      restarts: restarts + (last?.restarts ?? 0) + this.#crashes.total,
      iterationsPerSecond: this.#rate.of(done),
      state: this.#state,
      error: this.#error === undefined ? last?.error : String(this.#error),
    };
  }

  /** From life to life, until one ends as it should, or there have been too many. */
  async #live(start: Start): Promise<StopReport> {
    let isFirst = true;
    for (;;) {
      let life: Life | undefined;
      try {
        life = await this.prepare();
        if (this.#isStopping) throw new LoopStateError(this.id, 'stopped', 'it was stopped before it had begun');
        const { ended } = await life.hosted.start(life, { paused: this.#isPaused });
        start.succeeded();
        isFirst = false;
        const { reason, error } = await ended;
        if (!life.isOver) return this.#hasEnded(reason, error);
        return { loopId: this.id, reason, iterations: 0, inFlight: 0, error };
      } catch (thrown) {
        const error = thrown as Error;
        const report = this.#crashReport(error);
        if (life?.isOver) return report;
        this.#endLife();
        if (isFirst) {
          this.#become(this.#isStopping ? 'stopped' : 'error', error);
          start.failed(error);
          return report;
        }
        if (!(await this.#mayRestart(error, report.iterations))) return report;
      }
    }
  }

  #hasEnded(reason: LoopEnd['reason'], error: Error | undefined): StopReport {
    const { iterations = 0 } = this.#life?.hosted.report() ?? {};
    this.#endLife();
    this.#become(reason === 'error' ? 'error' : 'stopped', error);
    return { loopId: this.id, reason, iterations, inFlight: 0, error };
  }

  #crashReport(error: Error): StopReport {
    const { iterations = 0, inFlight = 0 } = this.#life?.hosted.report() ?? {};
    return {
      loopId: this.id,
      reason: 'crashed',
      iterations,
      inFlight: inFlight + (this.#life?.isIdle === false ? 1 : 0),
      error,
    };
  }

  /** Its thread or process is gone. @returns whether it is to be made anew, when it is time for that */
  async #mayRestart(error: Error, iteration: number): Promise<boolean> {
    this.around.onEvent({ type: 'failure', nodeId: '', iteration, error });
    const delay = this.#isStopping ? undefined : this.#crashes.take(this.#crashPolicy, performance.now());
    if (delay !== undefined) {
      this.#become('restarting', error);
      await this.#wait(delay);
      if (!this.#isStopping) return true;
    }
    this.#become(this.#isStopping ? 'stopped' : 'error', error);
    return false;
  }

  get #crashPolicy(): RestartPolicy {
    const { onCrash = 'restart' } = this.placed;
    if (onCrash === 'stop') return { action: 'restart', limit: 0 };
    return onCrash === 'restart' ? { action: 'restart' } : onCrash;
  }

  #endLife(): void {
    const life = this.#life;
    const report = life?.hosted.report();
    if (report !== undefined) {
      this.#before.iterations += report.iterations;
      this.#before.errors += report.errors;
      this.#before.restarts += report.restarts;
      this.#last = { ...report, iterations: 0, errors: 0, restarts: 0, inFlight: 0 };
    }
    this.#life = undefined;
    life?.end();
  }

  #onEvent(event: LoopEvent): void {
    // How a life ends is known here, when it is over.
    if (event.type === 'state') {
      if (event.state !== 'stopped' && event.state !== 'error') this.#become(event.state, event.error as Error);
      return;
    }
    this.around.onEvent(event);
  }

  #become(state: LoopState, error?: Error): void {
    if (error !== undefined) this.#error = error;
    if (this.#state === state) return;
    this.#state = state;
    this.around.onEvent({ type: 'state', state, ...(error === undefined ? {} : { error }) });
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

export function isModuleLoop(placed: PlacedLoop): placed is PlacedLoop & ModuleLoop {
  return 'module' in placed;
}
