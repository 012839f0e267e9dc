import { failureOf } from '../../kernel/errors.js';
import { restored } from '../../kernel/instrumentation.js';
import { Orchestrator } from '../../kernel/orchestrator.js';
import { originOf } from '../../kernel/origin.js';
import { currentScope, detached } from '../../kernel/process.js';
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

/** How long a node may go on after signals have aborted, before its loop cleans up and ends without it. In milliseconds. */
const patience = 500;

/**
 * Drives one loop, wherever it lives, and knows no other:
 *
 *     set up ─► ┌─ pace ─► producer ─► chain ─┐ ─► what is under way ends ─► clean up
 *               └──────────── ▲ ──────────────┘
 *                  pause, resume, restart, stop, replay: between two iterations
 *
 * The whole loop is one process of the kernel. It lets the event loop turn every few milliseconds, also where no node
 * ever waits.
 */
export class LoopManager {
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
  /** Rejects when a node goes on for too long after an abort. */
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

  get state(): LoopState {
    return this.#standing.state;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Sets its nodes up, and begins. It may be started once.
   *
   * @returns when it runs, and how it ends
   */
  async start({ paused = false }: { readonly paused?: boolean } = {}): Promise<{ readonly ended: Promise<LoopEnd> }> {
    if (this.#life !== undefined) throw new LoopStateError(this.loopId, this.state, 'it can be started once');
    this.#standing.become('starting');
    if (paused) void this.#requests.pause();
    let began = () => {};
    const isRunning = new Promise<void>((resolve) => {
      began = resolve;
    });
    // It belongs to nobody's process, and to nobody's trace: whoever starts it may be over long before it.
    this.#life = detached(() => restored({}, () => this.#live(began)));
    const ended = this.#life;
    const end = await Promise.race([isRunning, ended]);
    if (end !== undefined && end.reason === 'error') throw end.error;
    if (end !== undefined && !this.#hasRun)
      throw new LoopStateError(this.loopId, 'stopped', 'it was stopped before it had begun');
    return { ended };
  }

  /** Resolves when the iteration that is under way has ended. */
  async pause(): Promise<void> {
    if (this.#standing.isOver) return;
    await Promise.race([this.#requests.pause(), this.#life]);
  }

  resume(): void {
    this.#requests.resume();
  }

  /**
   * Has it end behind the iteration that is under way; a loop that reads a queue goes on until that is drained, where it is
   * to be drained.
   */
  stop(options: { readonly drain: boolean }): void {
    this.#requests.stop(options);
  }

  /**
   * Ends it at once: signals abort, nothing new is begun. A node that goes on for half a second more is left behind; nodes clean
   * up all the same.
   */
  abort(reason: Error): void {
    if (this.#standing.isOver || this.signal.aborted) return;
    this.#requests.stop({ drain: false });
    this.#iterations.cut();
    this.#hungTimer = setTimeout(() => this.#hung.reject(reason), patience);
    this.#abort.abort(reason);
  }

  /** Gives a payload to a node once more, between two iterations. */
  replay(nodeId: string, value: unknown): void {
    this.#requests.replay(nodeId, value);
  }

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
      // Where it is aborted, its process is over before it is.
      const end = await going;
      if (end !== undefined && (end.reason === 'error' || this.signal.aborted)) return end;
      // A hook of the process has failed.
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

  /** From set-up until nothing is under way any more. */
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

  /** A call of a non-blocking node that has failed when there are no more iterations. */
  #lastVerdict(end: LoopEnd): LoopEnd {
    const { verdict } = this.#iterations;
    if (verdict === undefined || end.reason === 'error' || this.signal.aborted) return end;
    return verdict.policy === 'stop' ? { reason: 'error', error: verdict.error } : end;
  }

  /** Like the work, unless a node goes on for too long after an abort. */
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
