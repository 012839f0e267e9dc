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

/** What is to be done between two iterations, since a node has failed. */
export interface Verdict {
  readonly policy: Exclude<ErrorPolicy, 'continue'>;
  readonly error: Error;
}

/**
 * The iterations of a loop, one after the other: pace, producer, chain. Each costs as little as can be: no promise and no
 * closure where no node waits, and one look at whether something is asked for. The event loop turns every few milliseconds,
 * also where no node ever waits.
 */
export class Iterations implements ChainOwner {
  readonly loopId: string;
  /** How many have ended. */
  count = 0;
  /** How many calls of nodes have failed. */
  errors = 0;
  /** What the first failure since the last look demands. */
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
  /** When the event loop is to turn, in milliseconds of the monotonic clock. */
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

  /** Gives iterations their schedule and their queue, for the whole life of the loop. */
  prepare(ticks: Ticks | undefined, inlet: Inlet | undefined): void {
    if (ticks !== undefined) this.#pace = new Pace(this.attention, ticks, this.plan.producerBackoff);
    this.#inlet = inlet;
  }

  /** Gives iterations their nodes, from one restart to the next. */
  use(nodes: Nodes): void {
    this.#nodes = nodes;
    this.#chain = new Chain(nodes.runners, this);
  }

  /** Resolves when something is asked for; with its end, where the loop has ended. */
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

  /** Gives a payload to a node once more. @returns if true, it has had it; else all had to end meanwhile */
  async replay(node: PlannedNode, value: unknown): Promise<boolean> {
    const iteration = this.#begin();
    await this.#chain?.visit(node, value, iteration);
    const isAborted = this.signal.aborted;
    if (isAborted) iteration.isAbandoned = true;
    iteration.end();
    this.#iteration = undefined;
    return !isAborted;
  }

  /** Nothing more is begun in the iteration that is under way. */
  cut(): void {
    if (this.#iteration !== undefined) this.#iteration.isCut = true;
  }

  /** The producer has got so far, which counts when the iteration that is under way has ended. */
  saveCursor(value: unknown): void {
    this.#cursors.save(value, this.#iteration);
  }

  failed(node: PlannedNode, value: unknown, iteration: Iteration, thrown: unknown): void {
    const error = failureOf(thrown, node.id);
    // What ends because all is to end has not failed.
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

  /** Waits until there may be a message, or something is asked for. */
  #message(inlet: Inlet): Promise<void> {
    // What others have drained may be filled again.
    return inlet.isDrained ? this.attention.sleep(idleDelay) : this.attention.until(inlet.ready());
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

  /** Nothing was produced: some time passes. */
  #rest(produced: Idle | typeof nothing): Promise<void> {
    if (produced instanceof Idle) return this.#pace.idle(produced);
    // A message that could not be read is in the dead letters; the next may be better.
    return this.#inlet === undefined ? this.#pace.backOff() : nextTurn();
  }

  #iterationEnded(iteration: Iteration): void {
    for (const message of iteration.messages) this.#inlet?.acknowledge(message);
    this.#cursors.ended();
  }
}

/** What a dead letter keeps of a message. */
function keptOf({ queue, id, value, carrier }: Message): LetterMessage {
  return carrier === undefined ? { queue, id, value } : { queue, id, value, carrier };
}

/** What comes of a producer that has failed. */
const nothing = Symbol('nothing');
