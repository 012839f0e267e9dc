import {
  type Context,
  type EventDrivenOptions,
  EventDrivenOrchestrator,
  type ExecutionServices,
  type Flow,
  FlowRuntime,
  type ICoordinationStore,
  MemoryCoordinationStore,
  type RemoteState,
  type WorkflowBlueprint,
} from 'orchestrator/flow';

/*
 * Workers that take nodes from a queue, each with a connection of its own to what they share, and that die.
 *
 * A worker that is dead never hears of what it asked for, and never answers; its job, and no other, is delivered again.
 */

/** What happens at a call: the worker dies before it or after it, or hears that it failed, be that so or not. */
export type Misfortune = 'dies before' | 'dies after' | 'fails' | 'is done and fails';

/** What becomes of the calls of all workers, counted from 0 over a whole run. */
export type Fate = (call: number) => Misfortune | undefined;

export const at =
  (calls: Readonly<Record<number, Misfortune>>): Fate =>
  (call) =>
    calls[call];

/** A state of a run as a program has it that keeps contexts in a database: each look is a copy. */
export class DatabaseState implements RemoteState {
  readonly context: Context;
  readonly completed = new Set<string>();
  readonly skipped = new Set<string>();
  readonly errors = new Map<string, unknown>();
  readonly recovered = new Map<string, string>();

  constructor(context: Context = {}) {
    this.context = context;
  }

  async getContext(): Promise<Context> {
    return structuredClone(this.context);
  }

  async addCompletedNode(nodeId: string, output: unknown): Promise<void> {
    this.completed.add(nodeId);
    if (output === undefined) delete this.context[nodeId];
    else this.context[nodeId] = structuredClone(output);
  }

  addError(nodeId: string, error: unknown): void {
    this.completed.delete(nodeId);
    this.recovered.delete(nodeId);
    this.errors.set(nodeId, error);
  }

  markRecovered(nodeId: string, fallbackId: string): void {
    this.recovered.set(nodeId, fallbackId);
  }

  addSkippedNode(nodeId: string): void {
    this.skipped.add(nodeId);
  }
}

/** A flow, with what executes its nodes. */
export class Stage {
  readonly services: ExecutionServices;
  readonly blueprint: WorkflowBlueprint;
  readonly start: readonly string[];

  constructor(flow: Flow) {
    const prepared = new FlowRuntime({ registry: flow.registry }).prepare(flow);
    this.services = new FlowRuntime({ registry: flow.registry }).services;
    this.blueprint = flow.toBlueprint();
    this.start = prepared.traverser.getReadyNodes().map(({ nodeId }) => nodeId);
  }
}

export interface Misery {
  readonly fate?: Fate | undefined;
  readonly state?: RemoteState;
  readonly store?: ICoordinationStore;
  /** How many workers there are. Default: 1. */
  readonly workers?: number;
  /** Which job of the queue is next, given how many there are. Default: the first. */
  readonly pick?: (length: number) => number;
  /** Where a job is put that is delivered again. Default: first. */
  readonly again?: 'first' | 'last';
  readonly options?: EventDrivenOptions;
}

export interface Story {
  /** How many calls there were. */
  readonly calls: number;
  readonly delivered: readonly string[];
  /** What jobs have rejected with. */
  readonly rejections: readonly unknown[];
  /** The jobs that came again. */
  readonly again: readonly string[];
}

/** More than any run here needs: one that does not end is at fault. */
const mostDeliveries = 3_000;

/** Works a run off. */
export async function workedOff({ services, blueprint, start }: Stage, misery: Misery = {}): Promise<Story> {
  const { store = new MemoryCoordinationStore(), state = new DatabaseState(), workers = 1, options } = misery;
  const queue = [...start];
  const story = { calls: 0, delivered: [] as string[], rejections: [] as unknown[], again: [] as string[] };
  const fateOf = () => {
    const call = story.calls;
    story.calls += 1;
    return misery.fate?.(call);
  };

  const deliver = async (nodeId: string): Promise<void> => {
    story.delivered.push(nodeId);
    if (story.delivered.length > mostDeliveries) throw new Error('the run does not end');
    let die!: () => void;
    const death = new Promise<'dead'>((resolve) => {
      die = () => resolve('dead');
    });
    const connection = new Connection(store, fateOf, die);
    const worker = new EventDrivenOrchestrator(services, connection, options);
    const handled = worker.handleJob(nodeId, blueprint, mortal(state, connection), 'run').catch((error: unknown) => {
      story.rejections.push(error);
      return 'rejected' as const;
    });
    const answer = await Promise.race([handled, death]);
    if (typeof answer === 'object') queue.push(...answer.nodesToEnqueue);
    else {
      story.again.push(nodeId);
      if (misery.again === 'last') queue.push(nodeId);
      else queue.unshift(nodeId);
    }
  };

  const work = new Set<Promise<void>>();
  while (queue.length + work.size > 0) {
    while (queue.length > 0 && work.size < workers) {
      const [nodeId] = queue.splice(misery.pick?.(queue.length) ?? 0, 1) as [string];
      const job: Promise<void> = deliver(nodeId).finally(() => work.delete(job));
      work.add(job);
    }
    await Promise.race(work);
  }
  return story;
}

/** A worker's connection to the store that all share. */
class Connection implements ICoordinationStore {
  #isDead = false;

  constructor(
    private readonly store: ICoordinationStore,
    private readonly fateOf: () => Misfortune | undefined,
    private readonly die: () => void,
  ) {}

  increment(key: string, ttlSeconds: number) {
    return this.call(() => this.store.increment(key, ttlSeconds));
  }

  setIfNotExist(key: string, value: string, ttlSeconds: number) {
    return this.call(() => this.store.setIfNotExist(key, value, ttlSeconds));
  }

  get(key: string) {
    return this.call(() => this.store.get(key));
  }

  extendTTL(key: string, ttlSeconds: number) {
    return this.call(() => this.store.extendTTL(key, ttlSeconds));
  }

  delete(key: string) {
    return this.call(() => this.store.delete(key));
  }

  async call<Answer>(ask: () => Answer | Promise<Answer>): Promise<Answer> {
    if (this.#isDead) return never();
    const fate = this.fateOf();
    if (fate === 'dies before') return this.#end();
    if (fate === 'fails') throw new Error('the store is out of reach');
    const answer = await ask();
    if (fate === 'dies after') return this.#end();
    if (fate === 'is done and fails') throw new Error('the answer got lost');
    return answer;
  }

  #end(): Promise<never> {
    this.#isDead = true;
    this.die();
    return never();
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

/** The state as a worker has it that may die at each of its calls too. */
function mortal(state: RemoteState, connection: Connection): RemoteState {
  if (!(state instanceof DatabaseState)) return state;
  return {
    getContext: () => connection.call(() => state.getContext()),
    addCompletedNode: (nodeId, output) => connection.call(() => state.addCompletedNode(nodeId, output)),
    addError: (nodeId, error) => connection.call(() => state.addError(nodeId, error)),
    markRecovered: (nodeId, fallbackId) => connection.call(() => state.markRecovered(nodeId, fallbackId)),
    addSkippedNode: (nodeId) => connection.call(() => state.addSkippedNode(nodeId)),
  };
}
