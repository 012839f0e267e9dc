import { untilAborted } from '../../kernel/cancellation.js';
import { failureOf } from '../../kernel/errors.js';
import { captured, restored } from '../../kernel/instrumentation.js';
import { Orchestrator } from '../../kernel/orchestrator.js';
import { originOf } from '../../kernel/origin.js';
import type { Policies } from '../../kernel/policy.js';
import { type Core, currentScope, detached, type Scope } from '../../kernel/process.js';
import { textOf } from '../../shared/errors.js';
import { isPromiseLike } from '../../shared/promise-like.js';
import { answer } from '../answer.js';
import type { ErrorPolicy, RestartPolicy } from '../definition.js';
import { LoopStateError } from '../errors.js';
import type { LetterMessage, LoopMetrics, LoopState, NodeState } from '../health.js';
import { Histogram } from '../histogram.js';
import type { Inlet, LoopHost } from '../host.js';
import type { Message, NodeConfig } from '../node.js';
import { done, Idle, isIdle } from '../outcomes.js';
import type { LoopPlan, PlannedNode } from '../plan.js';
import { Attention } from './attention.js';
import { Chain, type ChainOwner } from './chain.js';
import { Cursors } from './cursors.js';
import { Iteration, IterationData } from './iteration.js';
import { Nodes } from './nodes.js';
import { idleDelay, Pace } from './pace.js';
import { Restarts } from './restarts.js';
import type { NodeRunner } from './runner.js';
import { ticksOf } from './schedule.js';
import { nextTurn, slice, takePart } from './turns.js';

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

/** How long a node may go on after signals have aborted, before its loop cleans up and ends without it. In milliseconds. */
const patience = 500;

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
  readonly #cursors: Cursors;
  readonly #attention = new Attention();
  readonly #onEnd = (iteration: Iteration) => this.#iterationEnded(iteration);
  #nodes: Nodes | undefined = undefined;
  #chain: Chain | undefined = undefined;
  #scope: Scope | undefined = undefined;
  #inlet: Inlet | undefined = undefined;
  #iteration: Iteration | undefined = undefined;
  #state: LoopState = 'stopped';
  #error: Error | undefined = undefined;
  #iterations = 0;
  #errors = 0;
  #pace: Pace;
  #verdict: Verdict | undefined = undefined;
  #isPaused = false;
  #hasRun = false;
  #hasEnded = false;
  #stop: 'now' | 'drained' | undefined = undefined;
  #onPaused: (() => void)[] = [];
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
    const { core, policies } = originOf(this.#orchestrator);
    this.#core = core;
    this.#policies = policies;
    this.#cursors = new Cursors((value) => host.saveCursor(value));
    this.#pace = new Pace(this.#attention, undefined, plan.producerBackoff);
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
      this.#attention.ask();
    }
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
    if (this.#isOver) return;
    this.#isPaused = true;
    if (this.#state === 'paused') return;
    const paused = new Promise<void>((resolve) => this.#onPaused.push(resolve));
    this.#attention.ask();
    await Promise.race([paused, this.#life]);
  }

  resume(): void {
    this.#isPaused = false;
    this.#nobodyWaits();
    this.#attention.ask();
  }

  /**
   * Has it end behind the iteration that is under way; a loop that reads a queue goes on until that is drained, where it is
   * to be drained.
   */
  stop({ drain }: { readonly drain: boolean }): void {
    const isReading = this.plan.reads !== undefined;
    if (this.#stop !== 'now') this.#stop = drain && isReading ? 'drained' : 'now';
    this.#attention.ask();
  }

  /**
   * Ends it at once: signals abort, nothing new is begun. A node that goes on for half a second more is left behind; nodes clean
   * up all the same.
   */
  abort(reason: Error): void {
    if (this.#isOver || this.signal.aborted) return;
    this.#stop = 'now';
    if (this.#iteration !== undefined) this.#iteration.isCut = true;
    this.#hungTimer = setTimeout(() => this.#hung.reject(reason), patience);
    this.#abort.abort(reason);
    this.#attention.ask();
  }

  /** Gives a payload to a node once more, between two iterations. */
  replay(nodeId: string, value: unknown): void {
    const node = this.plan.nodes.find(({ id }) => id === nodeId);
    if (node === undefined || this.#isOver)
      throw new LoopStateError(this.loopId, this.#state, `"${nodeId}" is not there`);
    this.#replays.push({ node, value });
    this.#attention.ask();
  }

  metrics(): Omit<LoopMetrics, 'iterationsPerSecond'> {
    const nodes = this.#nodes?.health ?? [];
    return {
      loopId: this.loopId,
      state: this.#state,
      iterations: this.#iterations,
      errors: this.#errors,
      restarts: this.#restarts.total,
      missedTicks: this.#pace.missedTicks,
      inFlight: nodes.reduce((sum, { inFlight }) => sum + inFlight, 0),
      durations: this.#histogram.durations,
      nodes,
      error: this.#error === undefined ? undefined : textOf(this.#error),
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
    this.#nodes?.get(node).failed(error);
    const { number, messages } = iteration;
    this.host.report({ type: 'failure', nodeId: node.id, iteration: number, error });
    if (node.kind !== 'producer') {
      const [message] = messages.length === 1 ? messages : [];
      const { loopId } = this;
      const from = message && keptOf(message);
      const letter = { loopId, nodeId: node.id, iteration: number, value, error, time: Date.now(), message: from };
      this.host.report({ type: 'dead-letter', letter });
    }
    const policy = node.definition.onError ?? this.plan.onError;
    if (policy === 'continue') return;
    iteration.isCut = true;
    this.#verdict ??= { policy, error };
    this.#attention.ask();
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
      end = await this.#unlessHung(this.#run(began));
    } catch (error) {
      const isLeft = this.signal.aborted && error === this.signal.reason;
      end = isLeft ? { reason: 'stopped' } : { reason: 'error', error: failureOf(error, this.loopId) };
    }
    const failure = await this.#cleanUp();
    this.#returnReplays();
    return this.#over(failure === undefined || end.reason === 'error' ? end : { reason: 'error', error: failure });
  }

  /** From set-up until nothing is under way any more. */
  async #run(began: () => void): Promise<LoopEnd> {
    const { schedule, reads, producerBackoff } = this.plan;
    if (schedule !== undefined) this.#pace = new Pace(this.#attention, await ticksOf(schedule), producerBackoff);
    if (reads !== undefined) this.#inlet = this.host.inlet(reads);
    await this.#setUp();
    this.#hasRun = true;
    this.#become('running');
    began();
    let end: LoopEnd;
    takePart(1);
    try {
      end = await this.#unlessHung(this.#repeat());
    } finally {
      takePart(-1);
    }
    this.#become('stopping');
    await this.#nodes?.settled();
    return this.#lastVerdict(end);
  }

  /** Like the work, unless a node goes on for too long after an abort. */
  #unlessHung<Value>(work: Promise<Value>): Promise<Value> {
    return Promise.race([work, this.#hung.promise]);
  }

  #over(end: LoopEnd): LoopEnd {
    clearTimeout(this.#hungTimer);
    this.#error = end.error ?? this.#error;
    this.#become(end.reason === 'error' ? 'error' : 'stopped', end.error);
    this.#hasEnded = true;
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
      if (this.#attention.isWanted) {
        const end = await this.#see();
        if (end !== undefined) return end;
        now = performance.now();
      }
      if (this.#pace.isScheduled) {
        const isTime = await this.#pace.tick();
        if (!isTime) continue;
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
          this.#hasProduced(this.#runnerOf(producer));
        } catch (thrown) {
          value = this.#producerFailed(producer, this.#valueOf(iteration), iteration, thrown);
        }
      }
      if (value === nothing || isIdle(value) || value === done) {
        iteration.end();
        this.#iteration = undefined;
        if (value === done) return { reason: 'done' };
        this.#pace.ended();
        await this.#rest(value as Idle | typeof nothing);
        now = performance.now();
        turnEnds = now + slice();
        continue;
      }
      const pending = (this.#chain as Chain).passOn(producer, value, iteration);
      if (pending !== undefined) await pending;
      if (this.signal.aborted) iteration.isAbandoned = true;
      iteration.end();
      this.#iteration = undefined;
      this.#iterations++;
      const ended = performance.now();
      this.#histogram.record(ended - now);
      now = ended;
      this.#pace.ended();
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

  #runnerOf(node: PlannedNode): NodeRunner {
    return (this.#nodes as Nodes).get(node);
  }

  /** What the producer gives: a value, a promise, or `nothing` where it has failed. */
  #produce(producer: PlannedNode, iteration: Iteration): unknown {
    const runner = this.#runnerOf(producer);
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
    this.#pace.succeeded();
    runner.succeeded();
  }

  #producerFailed(producer: PlannedNode, value: unknown, iteration: Iteration, thrown: unknown): typeof nothing {
    this.#pace.failed();
    this.failed(producer, value, iteration, thrown);
    this.#cursors.drop(iteration);
    return nothing;
  }

  /** Nothing was produced: some time passes. */
  #rest(produced: Idle | typeof nothing): Promise<void> {
    if (produced instanceof Idle) return this.#pace.idle(produced);
    // A message that could not be read is in the dead letters; the next may be better.
    return this.#inlet === undefined ? this.#pace.backOff() : nextTurn();
  }

  /** What was asked for between two iterations. @returns how it ends, if it does */
  async #see(): Promise<LoopEnd | undefined> {
    for (;;) {
      this.#attention.isWanted = false;
      const verdict = this.#verdict;
      this.#verdict = undefined;
      if (verdict !== undefined && !this.signal.aborted) {
        const end = await this.#judge(verdict);
        if (end !== undefined) return end;
      }
      if (this.#isToEnd) return { reason: 'stopped' };
      while (this.#replays[0] !== undefined && !this.#isToEnd) await this.#replay(this.#replays[0]);
      // Something may have been asked for meanwhile.
      if (this.#attention.isWanted) continue;
      if (!this.#isPaused || this.#stop !== undefined) break;
      this.#become('paused', this.#error);
      this.#nobodyWaits();
      await this.#attention.asked();
    }
    this.#error = undefined;
    this.#become('running');
    return undefined;
  }

  async #replay({ node, value }: Replay): Promise<void> {
    const iteration = this.#begin();
    await this.#chain?.visit(node, value, iteration);
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
      await this.#nodes?.settled();
      await this.#cleanUp();
      await this.#attention.sleepWhile(delay, () => this.#stop === undefined);
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
    const bench = {
      core: this.#core,
      policies: this.#policies,
      scope: this.#scope as Scope,
      configOf: (node: PlannedNode) => this.#configOf(node),
      onState: (nodeId: string, state: NodeState, error?: unknown) =>
        this.host.report({ type: 'node', nodeId, state, ...(error === undefined ? {} : { error }) }),
    };
    this.#nodes = new Nodes(this.plan.nodes, bench, this.#nodes);
    this.#chain = new Chain(this.#nodes.runners, this);
    await this.#nodes.setUp(this.signal);
  }

  #configOf({ id, definition }: PlannedNode): NodeConfig {
    const { host, loopId } = this;
    return {
      loopId,
      nodeId: id,
      options: definition.options ?? {},
      messaging: { push: (queue, value) => this.#push(queue, value) },
      cursor: {
        get value() {
          return host.cursor;
        },
        save: (value) => this.#cursors.save(value, this.#iteration),
      },
    };
  }

  /** One that waits for room waits no longer when all has to end. */
  #push(queue: string, value: unknown): void | Promise<void> {
    const { cancellation } = this.#scope as Scope;
    const pushed = this.host.push(queue, value, captured());
    return pushed === undefined ? undefined : (untilAborted(cancellation, pushed) as Promise<void>);
  }

  async #cleanUp(): Promise<Error | undefined> {
    return this.#nodes?.cleanUp((nodeId, error) => {
      this.host.report({ type: 'failure', nodeId, iteration: this.#iterations, error });
    });
  }

  #iterationEnded(iteration: Iteration): void {
    for (const message of iteration.messages) this.#inlet?.acknowledge(message);
    this.#cursors.ended();
  }

  #become(state: LoopState, error?: Error): void {
    // A node that was left behind may come to its end.
    if (this.#state === state || (this.#hasEnded && state !== 'stopped' && state !== 'error')) return;
    this.#state = state;
    this.host.report({ type: 'state', state, ...(error === undefined ? {} : { error }) });
  }

  /** Waits until there may be a message, or something is asked for. */
  #message(inlet: Inlet): Promise<void> {
    // What others have drained may be filled again.
    return inlet.isDrained ? this.#attention.sleep(idleDelay) : this.#attention.until(inlet.ready());
  }
}

/** What a dead letter keeps of a message. */
function keptOf({ queue, id, value, carrier }: Message): LetterMessage {
  return carrier === undefined ? { queue, id, value } : { queue, id, value, carrier };
}

/** What comes of a producer that has failed. */
const nothing = Symbol('nothing');
