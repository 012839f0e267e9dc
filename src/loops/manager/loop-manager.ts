import { failureOf } from '../../kernel/errors.js';
import { restored } from '../../kernel/hooks/instrumentation.js';
import { Orchestrator } from '../../kernel/orchestrator.js';
import { originOf } from '../../kernel/origin.js';
import { currentScope, detached } from '../../kernel/scope/process.js';
import { textOf } from '../../shared/errors.js';
import { answer } from '../answer.js';
import { LoopStateError } from '../errors.js';
import type { LoopEnd, LoopMetrics, LoopState } from '../health.js';
import type { LoopHost } from '../host.js';
import type { LoopPlan } from '../plan.js';
import { Attention } from './attention.js';
import { Iterations } from './iterations.js';
import { NodeSetUp } from './node-set-up.js';
import { Requests } from './requests.js';
import { ticksOf } from './schedule.js';
import { Standing } from './standing.js';
import { takePart } from './turns.js';

/** Milliseconds that a node may continue after an abort, before the loop cleans up and ends without it. */
const patience = 500;

/**
 * Drives one loop in the thread or process that the loop lives in, and knows no other loop. `WorkflowOrchestrator`
 * creates one manager per life. Use this class directly to test a single loop with a `LoopHost` of your own.
 *
 *     set up ─► ┌─ pace ─► producer ─► chain ─┐ ─► wait for calls in flight ─► clean up
 *               └──────────── ▲ ──────────────┘
 *                  pause, resume, restart, stop, replay: between two iterations
 *
 * The whole loop is one process of the kernel. The loop yields to the event loop every few milliseconds, even if no
 * node ever waits.
 *
 * @example
 * const manager = new LoopManager(planOf(loop.source), host);
 * const { ended } = await manager.start();
 * manager.stop({ drain: true });
 * const { reason } = await ended;
 */
export class LoopManager {
  /** Id of the loop. */
  readonly loopId: string;
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly #orchestrator: Orchestrator<any>;
  readonly #abort = new AbortController();
  readonly #attention = new Attention();
  readonly #standing: Standing;
  readonly #iterations: Iterations;
  readonly #nodeSetUp: NodeSetUp;
  readonly #requests: Requests;
  #hasRun = false;
  #life: Promise<LoopEnd> | undefined = undefined;
  /** Rejects when a node continues for too long after an abort. */
  readonly #hung = answer<never>();
  #hungTimer: NodeJS.Timeout | undefined = undefined;

  constructor(
    readonly plan: LoopPlan,
    private readonly host: LoopHost,
  ) {
    this.loopId = plan.id;
    this.#orchestrator = plan.orchestrator ?? new Orchestrator({ name: plan.id });
    this.#standing = new Standing(host);
    this.#iterations = new Iterations(plan, host, this.#attention, this.signal);
    this.#nodeSetUp = new NodeSetUp(plan, host, this.#iterations, originOf(this.#orchestrator));
    this.#requests = new Requests({
      plan,
      host,
      attention: this.#attention,
      standing: this.#standing,
      iterations: this.#iterations,
      nodeSetUp: this.#nodeSetUp,
    });
  }

  /** State of the loop. */
  get state(): LoopState {
    return this.#standing.state;
  }

  /** The signal that `abort` aborts. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Sets up the nodes and starts the loop. Resolves when the loop is running. The promise `ended` in the result
   * resolves when the loop ends.
   *
   * @param options - `paused`: if true, the loop pauses before its first iteration. Default: false
   * @throws {LoopStateError} if the manager was started before, or if the loop was stopped during its start
   */
  async start({ paused = false }: { readonly paused?: boolean } = {}): Promise<{ readonly ended: Promise<LoopEnd> }> {
    if (this.#life !== undefined)
      throw new LoopStateError(this.loopId, this.state, 'start() works once, create a new LoopManager');
    this.#standing.become('starting');
    if (paused) void this.#requests.pause();
    let began = () => {};
    const isRunning = new Promise<void>((resolve) => {
      began = resolve;
    });
    // The loop runs outside the caller's process and trace, because the loop may outlive the caller.
    this.#life = detached(() => restored({}, () => this.#live(began)));
    const ended = this.#life;
    const end = await Promise.race([isRunning, ended]);
    if (end !== undefined && end.reason === 'error') throw end.error;
    if (end !== undefined && !this.#hasRun)
      throw new LoopStateError(this.loopId, 'stopped', 'it was stopped during its start, create a new LoopManager');
    return { ended };
  }

  /** Pauses the loop. Resolves when the current iteration has ended. */
  async pause(): Promise<void> {
    if (this.#standing.isOver) return;
    await Promise.race([this.#requests.pause(), this.#life]);
  }

  /** Resumes the loop after a pause. */
  resume(): void {
    this.#requests.resume();
  }

  /**
   * Ends the loop after the current iteration.
   *
   * @param options - `drain`: if true, a loop that reads a queue continues until the queue is drained
   */
  stop(options: { readonly drain: boolean }): void {
    this.#requests.stop(options);
  }

  /**
   * Ends the loop at once: aborts the signals of its nodes and calls no more nodes. A node that is still running after
   * 500 ms is abandoned. All nodes are cleaned up in any case.
   */
  abort(reason: Error): void {
    if (this.#standing.isOver || this.signal.aborted) return;
    this.#requests.stop({ drain: false });
    this.#iterations.cut();
    this.#hungTimer = setTimeout(() => this.#hung.reject(reason), patience);
    this.#abort.abort(reason);
  }

  /**
   * Passes a value to a node again, between two iterations.
   *
   * @throws {LoopStateError} if the loop has ended or has no such node
   */
  replay(nodeId: string, value: unknown): void {
    this.#requests.replay(nodeId, value);
  }

  /** Returns the figures of the loop. */
  metrics(): Omit<LoopMetrics, 'iterationsPerSecond'> {
    const { count, errors, missedTicks, durations, health: nodes } = this.#iterations;
    const { state, error } = this.#standing;
    return {
      loopId: this.loopId,
      state,
      iterations: count,
      errors,
      restarts: this.#requests.restarts,
      missedTicks,
      inFlight: nodes.reduce((sum, { inFlight }) => sum + inFlight, 0),
      durations,
      nodes,
      error: error === undefined ? undefined : textOf(error),
    };
  }

  async #live(began: () => void): Promise<LoopEnd> {
    let going: Promise<LoopEnd> | undefined;
    const live = async () => {
      going = this.#goOn(began);
      const end = await going;
      if (end.error !== undefined) throw end.error;
      return end;
    };
    try {
      return await this.#orchestrator.run(live, { name: this.loopId, signal: this.signal });
    } catch (error) {
      // After an abort the process settles before the loop.
      const end = await going;
      if (end !== undefined && (end.reason === 'error' || this.signal.aborted)) return end;
      // The error comes from a hook of the process.
      return this.#over({ reason: 'error', error: failureOf(error, this.loopId) });
    }
  }

  async #goOn(began: () => void): Promise<LoopEnd> {
    this.#nodeSetUp.scope = currentScope();
    let end: LoopEnd;
    try {
      end = await this.#unlessHung(this.#run(began));
    } catch (error) {
      const isLeft = this.signal.aborted && error === this.signal.reason;
      end = isLeft ? { reason: 'stopped' } : { reason: 'error', error: failureOf(error, this.loopId) };
    }
    const failure = await this.#nodeSetUp.cleanUp();
    this.#requests.returnReplays();
    return this.#over(failure === undefined || end.reason === 'error' ? end : { reason: 'error', error: failure });
  }

  /** Runs the loop from the set-up of its nodes until no call is in flight. */
  async #run(began: () => void): Promise<LoopEnd> {
    const { schedule, reads } = this.plan;
    const ticks = schedule === undefined ? undefined : await ticksOf(schedule);
    this.#iterations.prepare(ticks, reads === undefined ? undefined : this.host.inlet(reads));
    await this.#nodeSetUp.setUp();
    this.#hasRun = true;
    this.#standing.become('running');
    began();
    let end: LoopEnd;
    takePart(1);
    try {
      end = await this.#unlessHung(this.#repeat());
    } finally {
      takePart(-1);
    }
    this.#standing.become('stopping');
    await this.#iterations.nodes?.settled();
    return this.#lastVerdict(end);
  }

  async #repeat(): Promise<LoopEnd> {
    for (;;) {
      const end = (await this.#iterations.untilAsked()) ?? (await this.#requests.see());
      if (end !== undefined) return end;
    }
  }

  /** Applies the policy `stop` of a non-blocking call that failed after the last iteration. */
  #lastVerdict(end: LoopEnd): LoopEnd {
    const { verdict } = this.#iterations;
    if (verdict === undefined || end.reason === 'error' || this.signal.aborted) return end;
    return verdict.policy === 'stop' ? { reason: 'error', error: verdict.error } : end;
  }

  /** Awaits `work`, but rejects if a node continues for too long after an abort. */
  #unlessHung<Value>(work: Promise<Value>): Promise<Value> {
    return Promise.race([work, this.#hung.promise]);
  }

  #over(end: LoopEnd): LoopEnd {
    clearTimeout(this.#hungTimer);
    this.#standing.end(end);
    this.#requests.nobodyWaits();
    return end;
  }
}
