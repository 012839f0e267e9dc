import { failureOf } from '../../kernel/errors.js';
import { isPromiseLike } from '../../shared/promise-like.js';
import type { ErrorPolicy } from '../definition.js';
import type { Durations, LetterMessage, LoopEnd, NodeHealth } from '../health.js';
import { Histogram } from '../histogram.js';
import type { Inlet, LoopHost } from '../host.js';
import type { Message } from '../node.js';
import { done, Idle, isIdle } from '../outcomes.js';
import type { LoopPlan, PlannedNode } from '../plan.js';
import type { Attention } from './attention.js';
import { Chain, type ChainOwner } from './chain.js';
import { Cursors } from './cursors.js';
import { Iteration, IterationData } from './iteration.js';
import type { Nodes } from './nodes.js';
import { idleDelay, Pace } from './pace.js';
import type { NodeRunner } from './runner.js';
import type { Ticks } from './schedule.js';
import { nextTurn, slice } from './turns.js';

/** An error policy to be applied before the next iteration, with the error that caused it. */
export interface Verdict {
  readonly policy: Exclude<ErrorPolicy, 'continue'>;
  readonly error: Error;
}

/**
 * Runs the iterations of a loop one after the other. Each iteration waits for its tick, calls the producer and runs the
 * chain. Optimised for speed: as long as no node waits, an iteration creates no promise and no closure, and checks for
 * requests once. Every few milliseconds the loop yields to the event loop, even if no node ever waits.
 */
export class Iterations implements ChainOwner {
  readonly loopId: string;
  /** Number of iterations that ended. */
  count = 0;
  /** Number of failed calls of nodes. */
  errors = 0;
  /** The error policy of the first failure that has not been handled yet. */
  verdict: Verdict | undefined = undefined;
  /** If true, the loop ends when its queue is drained. */
  isDraining = false;
  readonly #histogram = new Histogram();
  readonly #cursors: Cursors;
  readonly #onEnd = (iteration: Iteration) => this.#iterationEnded(iteration);
  #inlet: Inlet | undefined = undefined;
  #pace: Pace;
  #nodes: Nodes | undefined = undefined;
  #chain: Chain | undefined = undefined;
  #iteration: Iteration | undefined = undefined;
  /** Time of the next yield to the event loop, in milliseconds of the monotonic clock. */
  #turnEnds: number | undefined = undefined;

  constructor(
    private readonly plan: LoopPlan,
    private readonly host: LoopHost,
    private readonly attention: Attention,
    readonly signal: AbortSignal,
  ) {
    this.loopId = plan.id;
    this.#cursors = new Cursors((value) => host.saveCursor(value));
    this.#pace = new Pace(attention, undefined, plan.producerBackoff);
  }

  get nodes(): Nodes | undefined {
    return this.#nodes;
  }

  get durations(): Durations {
    return this.#histogram.durations;
  }

  get missedTicks(): number {
    return this.#pace.missedTicks;
  }

  get health(): NodeHealth[] {
    return this.#nodes?.health ?? [];
  }

  /** Sets the schedule and the queue for the whole life of the loop. */
  prepare(ticks: Ticks | undefined, inlet: Inlet | undefined): void {
    if (ticks !== undefined) this.#pace = new Pace(this.attention, ticks, this.plan.producerBackoff);
    this.#inlet = inlet;
  }

  /** Sets the nodes, at the start and after each restart. */
  use(nodes: Nodes): void {
    this.#nodes = nodes;
    this.#chain = new Chain(nodes.runners, this);
  }

  /** Runs iterations until a request is announced. Resolves with the end of the loop if the loop has ended. */
  async untilAsked(): Promise<LoopEnd | undefined> {
    const { producer } = this.plan;
    const { attention } = this;
    let now = performance.now();
    let turnEnds = this.#turnEnds ?? now + slice();
    for (;;) {
      if (attention.isWanted) {
        this.#turnEnds = turnEnds;
        return undefined;
      }
      if (this.#pace.isScheduled) {
        const isTime = await this.#pace.tick();
        if (!isTime) continue;
        now = performance.now();
      }
      const iteration = this.#inlet === undefined ? this.#begin() : this.#beginWithMessages(this.#inlet);
      if (iteration === undefined) {
        if (this.isDraining && this.#inlet?.isDrained) return { reason: 'drained' };
        await this.#message(this.#inlet as Inlet);
        now = performance.now();
        // Without this yield, two loops that wait for each other's messages could wake each other forever before
        // anything else runs.
        if (now >= turnEnds) {
          await nextTurn();
          now = performance.now();
          turnEnds = now + slice();
        }
        continue;
      }
      let value = this.#produce(producer, iteration);
      if (isPromiseLike(value)) {
        // Inlined, because an async function would create another promise in each iteration.
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
      this.count++;
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

  /**
   * Passes a value to a node again, in an iteration of its own.
   *
   * @returns true if the node was called; false if the loop was aborted meanwhile
   */
  async replay(node: PlannedNode, value: unknown): Promise<boolean> {
    const iteration = this.#begin();
    await this.#chain?.visit(node, value, iteration);
    const isAborted = this.signal.aborted;
    if (isAborted) iteration.isAbandoned = true;
    iteration.end();
    this.#iteration = undefined;
    return !isAborted;
  }

  /** Stops the current iteration: no more of its nodes are called. */
  cut(): void {
    if (this.#iteration !== undefined) this.#iteration.isCut = true;
  }

  /** Saves a cursor, which is stored when the current iteration has ended. */
  saveCursor(value: unknown): void {
    this.#cursors.save(value, this.#iteration);
  }

  failed(node: PlannedNode, value: unknown, iteration: Iteration, thrown: unknown): void {
    const error = failureOf(thrown, node.id);
    // A node that ends because of the abort has not failed.
    if (this.signal.aborted && (error === this.signal.reason || iteration.isCut)) {
      iteration.isAbandoned = true;
      return;
    }
    this.errors++;
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
    this.verdict ??= { policy, error };
    this.attention.ask();
  }

  #begin(messages?: readonly Message[]): Iteration {
    const iteration = new Iteration(this.count + 1, this.#onEnd, messages);
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

  /** Waits until a message may be available or a request is announced. */
  #message(inlet: Inlet): Promise<void> {
    // A drained queue can still receive messages later.
    return inlet.isDrained ? this.attention.sleep(idleDelay) : this.attention.until(inlet.ready());
  }

  /** Calls the producer. Returns its output, a promise, or `nothing` if the producer failed. */
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

  #runnerOf(node: PlannedNode): NodeRunner {
    return (this.#nodes as Nodes).get(node);
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

  /** Waits after the producer returned no value or failed. */
  #rest(produced: Idle | typeof nothing): Promise<void> {
    if (produced instanceof Idle) return this.#pace.idle(produced);
    // The failed message is a dead letter, so a reader continues with the next message without a back-off.
    return this.#inlet === undefined ? this.#pace.backOff() : nextTurn();
  }

  #iterationEnded(iteration: Iteration): void {
    for (const message of iteration.messages) this.#inlet?.acknowledge(message);
    this.#cursors.ended();
  }
}

/** Returns the fields of a message that its dead letter keeps. */
function keptOf({ queue, id, value, carrier }: Message): LetterMessage {
  return carrier === undefined ? { queue, id, value } : { queue, id, value, carrier };
}

/** Result of a failed producer. */
const nothing = Symbol('nothing');
