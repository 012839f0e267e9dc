import { sourceOf } from '../../action.js';
import { untilAborted } from '../../cancellation.js';
import { failureOf } from '../../errors.js';
import { isPromiseLike } from '../../hooks.js';
import { Orchestrator } from '../../orchestrator.js';
import { overDefaults, type Policies } from '../../policy.js';
import { type Core, currentScope, detached, type Scope } from '../../process.js';
import type { RetryOptions } from '../../retry.js';
import type { AnyFunction } from '../../validate.js';
import type { ErrorPolicy, RestartPolicy } from '../definition.js';
import { LoopStateError } from '../errors.js';
import type { LoopMetrics, LoopState } from '../health.js';
import { Histogram } from '../histogram.js';
import type { Inlet, LoopHost } from '../host.js';
import type { Message, NodeConfig } from '../node.js';
import { done, Idle } from '../outcomes.js';
import type { LoopPlan, PlannedNode } from '../plan.js';
import { Chain, type ChainOwner } from './chain.js';
import { Iteration, IterationData } from './iteration.js';
import { Restarts } from './restarts.js';
import { NodeRunner } from './runner.js';
import { type Ticks, ticksOf } from './schedule.js';
import { nextTurn, slice, takePart } from './turns.js';

/** Milliseconds until a producer is asked again that had nothing and did not say when. */
const idleDelay = 100;

/** How many times as long as at first a producer that fails is left alone at most. */
const mostBackoff = 100;

/** How a loop has ended. */
export interface LoopEnd {
  /** `done`: its producer has no more. `stopped`: it was asked to. `drained`: so is what it reads. */
  readonly reason: 'done' | 'stopped' | 'drained' | 'error';
  readonly error?: Error | undefined;
}

/** What is to be done between two iterations, since a node has failed. */
interface Verdict {
  readonly policy: Exclude<ErrorPolicy, 'continue'>;
  readonly error: Error;
}

/** A payload that is to be given to a node once more. */
interface Replay {
  readonly node: PlannedNode;
  readonly value: unknown;
}

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
export class LoopManager implements ChainOwner {
  readonly loopId: string;
  readonly #core: Core;
  readonly #policies: Policies;
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly #orchestrator: Orchestrator<any>;
  readonly #abort = new AbortController();
  readonly #histogram = new Histogram();
  readonly #restarts = new Restarts();
  readonly #replays: Replay[] = [];
  /** Iterations with a cursor, in order. */
  readonly #cursors: Iteration[] = [];
  readonly #onEnd = (iteration: Iteration) => this.#iterationEnded(iteration);
  #runners: ReadonlyMap<PlannedNode, NodeRunner> = new Map();
  #chain: Chain;
  #scope: Scope | undefined = undefined;
  #inlet: Inlet | undefined = undefined;
  #iteration: Iteration | undefined = undefined;
  #state: LoopState = 'stopped';
  #error: Error | undefined = undefined;
  #iterations = 0;
  #errors = 0;
  #producerFailures = 0;
  #ticks: Ticks | undefined = undefined;
  /** Whether something is to be done before the next iteration. */
  #isWanted = false;
  #wake: (() => void) | undefined = undefined;
  #verdict: Verdict | undefined = undefined;
  #isPaused = false;
  #stop: 'now' | 'drained' | undefined = undefined;
  #onPaused: (() => void)[] = [];
  #life: Promise<LoopEnd> | undefined = undefined;

  constructor(
    readonly plan: LoopPlan,
    private readonly host: LoopHost,
  ) {
    this.loopId = plan.id;
    this.#orchestrator = plan.orchestrator ?? new Orchestrator({ name: plan.id });
    const source = sourceOf(this.#orchestrator.action(() => undefined));
    const { core, policies } = source as { core: Core; policies: Policies };
    this.#core = core;
    this.#policies = policies;
    this.#chain = new Chain(this.#runners, this);
  }

  get state(): LoopState {
    return this.#state;
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
    if (this.#life !== undefined) throw new LoopStateError(this.loopId, this.#state, 'it can be started once');
    this.#become('starting');
    if (paused) {
      this.#isPaused = true;
      this.#attend();
    }
    let began = () => {};
    const isRunning = new Promise<void>((resolve) => {
      began = resolve;
    });
    // It belongs to nobody's process: whoever starts it may be over long before it.
    this.#life = detached(() => this.#live(began));
    const ended = this.#life;
    const end = await Promise.race([isRunning, ended]);
    if (end !== undefined && end.reason === 'error') throw end.error;
    return { ended };
  }

  /** Resolves when the iteration that is under way has ended. */
  async pause(): Promise<void> {
    if (this.#isOver) return;
    this.#isPaused = true;
    if (this.#state === 'paused') return;
    const paused = new Promise<void>((resolve) => this.#onPaused.push(resolve));
    this.#attend();
    await Promise.race([paused, this.#life]);
  }

  resume(): void {
    this.#isPaused = false;
    this.#nobodyWaits();
    this.#attend();
  }

  /**
   * Has it end behind the iteration that is under way; a loop that reads a queue goes on until that is drained, where it is
   * to be drained.
   */
  stop({ drain }: { readonly drain: boolean }): void {
    const isReading = this.plan.reads !== undefined;
    if (this.#stop !== 'now') this.#stop = drain && isReading ? 'drained' : 'now';
    this.#attend();
  }

  /** Ends it at once: signals abort, nothing new is begun. What does not end by itself is left behind. */
  abort(reason: Error): void {
    this.#stop = 'now';
    if (this.#iteration !== undefined) this.#iteration.isCut = true;
    this.#abort.abort(reason);
    this.#attend();
  }

  /** Gives a payload to a node once more, between two iterations. */
  replay(nodeId: string, value: unknown): void {
    const node = this.plan.nodes.find(({ id }) => id === nodeId);
    if (node === undefined || this.#isOver)
      throw new LoopStateError(this.loopId, this.#state, `"${nodeId}" is not there`);
    this.#replays.push({ node, value });
    this.#attend();
  }

  metrics(): Omit<LoopMetrics, 'iterationsPerSecond'> {
    const nodes = [...this.#runners.values()].map(({ health }) => health);
    return {
      loopId: this.loopId,
      state: this.#state,
      iterations: this.#iterations,
      errors: this.#errors,
      restarts: this.#restarts.total,
      missedTicks: this.#ticks?.missed ?? 0,
      inFlight: nodes.reduce((sum, { inFlight }) => sum + inFlight, 0),
      durations: this.#histogram.durations,
      nodes,
      error: this.#error === undefined ? undefined : String(this.#error),
    };
  }

  failed(node: PlannedNode, value: unknown, iteration: Iteration, thrown: unknown): void {
    const error = failureOf(thrown, node.id);
    // What ends because all is to end has not failed.
    if (this.signal.aborted && (error === this.signal.reason || iteration.isCut)) {
      iteration.isAbandoned = true;
      return;
    }
    this.#errors++;
    this.#runners.get(node)?.failed(error);
    const { number, messages } = iteration;
    this.host.report({ type: 'failure', nodeId: node.id, iteration: number, error });
    if (node.kind !== 'producer') {
      const [message] = messages.length === 1 ? messages : [];
      const { loopId } = this;
      const from = message && { queue: message.queue, id: message.id, value: message.value };
      const letter = { loopId, nodeId: node.id, iteration: number, value, error, time: Date.now(), message: from };
      this.host.report({ type: 'dead-letter', letter });
    }
    const policy = node.definition.onError ?? this.plan.onError;
    if (policy === 'continue') return;
    iteration.isCut = true;
    this.#verdict ??= { policy, error };
    this.#attend();
  }

  get #isToEnd(): boolean {
    return this.#stop === 'now';
  }

  get #isOver(): boolean {
    return this.#state === 'stopped' || this.#state === 'error';
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
    this.#scope = currentScope() as Scope;
    let end: LoopEnd;
    try {
      const { schedule, reads } = this.plan;
      if (schedule !== undefined) this.#ticks = await ticksOf(schedule);
      if (reads !== undefined) this.#inlet = this.host.inlet(reads);
      await this.#setUp();
      this.#become('running');
      began();
      takePart(1);
      try {
        end = await this.#repeat();
      } finally {
        takePart(-1);
      }
      this.#become('stopping');
      await this.#settled();
      end = this.#lastVerdict(end);
    } catch (error) {
      end = { reason: 'error', error: failureOf(error, this.loopId) };
    }
    const failure = await this.#cleanUp();
    this.#returnReplays();
    return this.#over(failure === undefined || end.reason === 'error' ? end : { reason: 'error', error: failure });
  }

  #over(end: LoopEnd): LoopEnd {
    this.#error = end.error ?? this.#error;
    this.#become(end.reason === 'error' ? 'error' : 'stopped', end.error);
    this.#nobodyWaits();
    return end;
  }

  /** Who waits until it is paused waits no longer. */
  #nobodyWaits(): void {
    for (const resolve of this.#onPaused.splice(0)) resolve();
  }

  async #repeat(): Promise<LoopEnd> {
    const { producer } = this.plan;
    let now = performance.now();
    let turnEnds = now + slice();
    for (;;) {
      if (this.#isWanted) {
        const end = await this.#see();
        if (end !== undefined) return end;
        now = performance.now();
      }
      if (this.#ticks !== undefined) {
        const waited = await this.#pace(this.#ticks, now);
        if (!waited) continue;
        now = performance.now();
      }
      const iteration = this.#inlet === undefined ? this.#begin() : this.#beginWithMessages(this.#inlet);
      if (iteration === undefined) {
        if (this.#stop === 'drained' && this.#inlet?.isDrained) return { reason: 'drained' };
        await this.#message(this.#inlet as Inlet);
        now = performance.now();
        // Loops that wait for each other's messages only wake each other before anything else has its turn.
        if (now >= turnEnds) {
          await nextTurn();
          now = performance.now();
          turnEnds = now + slice();
        }
        continue;
      }
      let value = this.#produce(producer, iteration);
      if (isPromiseLike(value)) {
        // Not in a function of its own: that would cost each iteration a promise more.
        try {
          value = await value;
          this.#hasProduced(this.#runners.get(producer) as NodeRunner);
        } catch (thrown) {
          value = this.#producerFailed(producer, this.#valueOf(iteration), iteration, thrown);
        }
      }
      if (value === nothing || value instanceof Idle || value === done) {
        iteration.end();
        this.#iteration = undefined;
        if (value === done) return { reason: 'done' };
        this.#ticks?.ended(performance.now());
        await this.#rest(value as Idle | typeof nothing);
        now = performance.now();
        turnEnds = now + slice();
        continue;
      }
      const pending = this.#chain.passOn(producer, value, iteration);
      if (pending !== undefined) await pending;
      if (this.signal.aborted) iteration.isAbandoned = true;
      iteration.end();
      this.#iteration = undefined;
      this.#iterations++;
      const ended = performance.now();
      this.#histogram.record(ended - now);
      now = ended;
      this.#ticks?.ended(now);
      if (now < turnEnds) continue;
      await nextTurn();
      now = performance.now();
      turnEnds = now + slice();
    }
  }

  #begin(messages?: readonly Message[]): Iteration {
    const iteration = new Iteration(this.#iterations + 1, this.#onEnd, messages);
    this.#iteration = iteration;
    return iteration;
  }

  #beginWithMessages(inlet: Inlet): Iteration | undefined {
    const first = inlet.take();
    if (first === undefined) return undefined;
    const most = (this.plan.producer.definition.options?.batch as number | undefined) ?? 1;
    const messages = [first];
    while (messages.length < most) {
      const next = inlet.take();
      if (next === undefined) break;
      messages.push(next);
    }
    return this.#begin(messages);
  }

  /** What the producer gives: a value, a promise, or `nothing` where it has failed. */
  #produce(producer: PlannedNode, iteration: Iteration): unknown {
    const runner = this.#runners.get(producer) as NodeRunner;
    const value = this.#valueOf(iteration);
    try {
      const produced = runner.call(new IterationData(value, producer.id, iteration, this));
      if (!isPromiseLike(produced)) this.#hasProduced(runner);
      return produced;
    } catch (thrown) {
      return this.#producerFailed(producer, value, iteration, thrown);
    }
  }

  #valueOf({ messages }: Iteration): unknown {
    if (this.#inlet === undefined) return undefined;
    const isBatch = this.plan.producer.definition.options?.batch !== undefined;
    return isBatch ? messages.map(({ value }) => value) : messages[0]?.value;
  }

  #hasProduced(runner: NodeRunner): void {
    this.#producerFailures = 0;
    runner.succeeded();
  }

  #producerFailed(producer: PlannedNode, value: unknown, iteration: Iteration, thrown: unknown): typeof nothing {
    this.#producerFailures++;
    this.failed(producer, value, iteration, thrown);
    // It has not got to where it wanted to.
    if (iteration.cursor !== undefined) this.#cursors.pop();
    iteration.cursor = undefined;
    return nothing;
  }

  /** Nothing was produced: some time passes. */
  #rest(produced: Idle | typeof nothing): Promise<void> {
    if (produced instanceof Idle) {
      if (produced.delay === undefined && this.#ticks !== undefined) return nextTurn();
      return this.#sleep(produced.delay ?? idleDelay);
    }
    // A message that could not be read is in the dead letters; the next may be better.
    if (this.#inlet !== undefined) return nextTurn();
    const factor = Math.min(2 ** (this.#producerFailures - 1), mostBackoff);
    return this.#sleep(this.plan.producerBackoff * factor);
  }

  /** @returns whether it is time: it may have been woken for something else */
  async #pace(ticks: Ticks, now: number): Promise<boolean> {
    this.#tick ??= ticks.next(now);
    while (this.#tick > performance.now()) {
      await this.#sleep(Math.min(this.#tick - performance.now(), longestSleep));
      if (this.#isWanted) return false;
    }
    this.#tick = undefined;
    return true;
  }

  #tick: number | undefined = undefined;

  #attend(): void {
    this.#isWanted = true;
    this.#wake?.();
  }

  /** What was asked for between two iterations. @returns how it ends, if it does */
  async #see(): Promise<LoopEnd | undefined> {
    for (;;) {
      this.#isWanted = false;
      const verdict = this.#verdict;
      this.#verdict = undefined;
      if (verdict !== undefined && !this.signal.aborted) {
        const end = await this.#judge(verdict);
        if (end !== undefined) return end;
      }
      if (this.#isToEnd) return { reason: 'stopped' };
      while (this.#replays[0] !== undefined && !this.#isToEnd) await this.#replay(this.#replays[0]);
      // Something may have been asked for meanwhile.
      if (this.#isWanted) continue;
      if (!this.#isPaused || this.#stop !== undefined) break;
      this.#become('paused', this.#error);
      this.#nobodyWaits();
      if (!this.#isWanted) await this.#asked();
    }
    this.#error = undefined;
    this.#become('running');
    return undefined;
  }

  async #replay({ node, value }: Replay): Promise<void> {
    const iteration = this.#begin();
    await this.#chain.visit(node, value, iteration);
    if (this.signal.aborted) iteration.isAbandoned = true;
    else this.#replays.shift();
    iteration.end();
    this.#iteration = undefined;
  }

  /** What it did not come to is not lost. */
  #returnReplays(): void {
    for (const { node, value } of this.#replays.splice(0)) {
      const { loopId } = this;
      const error = new LoopStateError(loopId, 'stopped', `it has ended before "${node.id}" got this again`);
      const letter = { loopId, nodeId: node.id, iteration: this.#iterations, value, error, time: Date.now() };
      this.host.report({ type: 'dead-letter', letter });
    }
  }

  /** A call of a non-blocking node that has failed when there are no more iterations. */
  #lastVerdict(end: LoopEnd): LoopEnd {
    const verdict = this.#verdict;
    if (verdict === undefined || end.reason === 'error' || this.signal.aborted) return end;
    return verdict.policy === 'stop' ? { reason: 'error', error: verdict.error } : end;
  }

  async #judge({ policy, error }: Verdict): Promise<LoopEnd | undefined> {
    this.#error = error;
    if (policy === 'stop') return { reason: 'error', error };
    if (policy === 'pause') {
      this.#isPaused = true;
      return undefined;
    }
    return this.#restart(policy === 'restart' ? { action: 'restart' } : policy, error);
  }

  async #restart(policy: RestartPolicy, cause: Error): Promise<LoopEnd | undefined> {
    for (let error = cause; ; ) {
      const delay = this.#restarts.take(policy, performance.now());
      if (delay === undefined) return { reason: 'error', error };
      this.#become('restarting', error);
      await this.#settled();
      await this.#cleanUp();
      await this.#sleepUnlessStopped(delay);
      if (this.#stop === 'now') return { reason: 'stopped' };
      try {
        await this.#setUp();
        return undefined;
      } catch (thrown) {
        error = failureOf(thrown, this.loopId);
        this.#error = error;
        this.host.report({ type: 'failure', nodeId: this.plan.producer.id, iteration: this.#iterations, error });
      }
    }
  }

  async #setUp(): Promise<void> {
    const before = this.#runners;
    const bench = {
      core: this.#core,
      scope: this.#scope as Scope,
      configOf: (node: PlannedNode) => this.#configOf(node),
      onState: (nodeId: string, state: NodeRunner['state']) => this.host.report({ type: 'node', nodeId, state }),
    };
    const runners = new Map<PlannedNode, NodeRunner>();
    for (const node of this.plan.nodes) {
      const { retry, timeout } = node.definition;
      const own = {
        retry: retry as RetryOptions | undefined,
        timeout: timeout === undefined ? {} : { attempt: timeout },
      };
      const source = sourceOf(node.implementation as AnyFunction);
      const defaults = source?.core === this.#core ? source.policies : this.#policies;
      const policies = overDefaults(own, defaults);
      runners.set(node, new NodeRunner(node, { ...bench, policies }, before.get(node)));
    }
    this.#runners = runners;
    this.#chain = new Chain(runners, this);
    for (const runner of runners.values()) await runner.setUp();
  }

  #configOf({ id, definition }: PlannedNode): NodeConfig {
    const { host, loopId } = this;
    const save = (value: unknown) => this.#saveCursor(value);
    return {
      loopId,
      nodeId: id,
      options: definition.options ?? {},
      messaging: { push: (queue, value) => this.#push(queue, value) },
      cursor: {
        get value() {
          return host.cursor;
        },
        save,
      },
    };
  }

  /** One that waits for room waits no longer when all has to end. */
  #push(queue: string, value: unknown): void | Promise<void> {
    const { cancellation } = this.#scope as Scope;
    const pushed = this.host.push(queue, value);
    return pushed === undefined ? undefined : (untilAborted(cancellation, pushed) as Promise<void>);
  }

  /** Each node, whatever becomes of the others. @returns the first error */
  async #cleanUp(): Promise<Error | undefined> {
    let first: Error | undefined;
    for (const runner of this.#runners.values()) {
      try {
        await runner.cleanUp();
      } catch (thrown) {
        const error = failureOf(thrown, runner.node.id);
        this.host.report({ type: 'failure', nodeId: runner.node.id, iteration: this.#iterations, error });
        first ??= error;
      }
    }
    return first;
  }

  /** What non-blocking nodes have begun has ended. */
  async #settled(): Promise<void> {
    for (const runner of this.#runners.values()) while (runner.inFlight > 0) await runner.slot;
  }

  #saveCursor(value: unknown): void {
    const iteration = this.#iteration ?? overAlready();
    if (iteration.hasEnded && this.#cursors.length === 0) {
      this.host.saveCursor(value);
      return;
    }
    if (iteration.cursor === undefined) this.#addCursor(iteration);
    iteration.cursor = { value };
  }

  #addCursor(iteration: Iteration): void {
    // Of those that have ended, and wait for one before them, the last says all.
    if (this.#cursors.at(-1)?.hasEnded && this.#cursors.at(-2)?.hasEnded) this.#cursors.splice(-2, 1);
    this.#cursors.push(iteration);
  }

  #iterationEnded(iteration: Iteration): void {
    for (const message of iteration.messages) this.#inlet?.acknowledge(message);
    // One that has ended early waits for those before it: after a restart they are repeated, and it with them.
    while (this.#cursors[0]?.hasEnded) this.host.saveCursor(this.#cursors.shift()?.cursor?.value);
  }

  #become(state: LoopState, error?: Error): void {
    if (this.#state === state) return;
    this.#state = state;
    this.host.report({ type: 'state', state, ...(error === undefined ? {} : { error }) });
  }

  /** Waits until there may be a message, or something is asked for. */
  #message(inlet: Inlet): Promise<void> {
    // What others have drained may be filled again.
    return inlet.isDrained ? this.#sleep(idleDelay) : this.#until(inlet.ready());
  }

  /** Waits until something is asked for. */
  #asked(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #until(ready: Promise<void>): Promise<void> {
    if (this.#isWanted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      void ready.then(resolve);
    });
  }

  /** Until the time has passed, or something is asked for. */
  async #sleep(milliseconds: number): Promise<void> {
    if (this.#isWanted) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, milliseconds);
    });
    clearTimeout(timer);
  }

  async #sleepUnlessStopped(milliseconds: number): Promise<void> {
    const until = performance.now() + milliseconds;
    for (let left = milliseconds; left > 0 && this.#stop === undefined; left = until - performance.now()) {
      this.#isWanted = false;
      await this.#sleep(left);
    }
    this.#isWanted = true;
  }
}

/** What is saved between two iterations has its place among them, and nothing to wait for. */
function overAlready(): Iteration {
  const iteration = new Iteration(0, () => {});
  iteration.end();
  return iteration;
}

/** What comes of a producer that has failed. */
const nothing = Symbol('nothing');

/** A longer timer would fire at once. */
const longestSleep = 2 ** 31 - 1;
