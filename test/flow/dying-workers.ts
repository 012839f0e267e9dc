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
 * Workers that take nodes from a queue and may die. Each worker has its own connection to the shared store.
 *
 * A dead worker gets no answers from the store and gives none. Only its own job is delivered again.
 */

/**
 * A mishap at a call: the worker dies before or after the call, or the call is reported as failed, truly or falsely.
 */
export type Misfortune = 'dies before' | 'dies after' | 'fails' | 'is done and fails';

/** The mishap at each call of any worker. Calls are counted from 0 over a whole run. */
export type Fate = (call: number) => Misfortune | undefined;

export const at =
  (calls: Readonly<Record<number, Misfortune>>): Fate =>
  (call) =>
    calls[call];

/** A state whose context is in a database: each call of `getContext` returns a copy. */
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

/** A flow, with the services that execute its nodes. */
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
  /** The number of workers. Default: 1. */
  readonly workers?: number;
  /** Returns the index of the next job, given the length of the queue. Default: the first job. */
  readonly pick?: (length: number) => number;
  /** The place in the queue of a job that is delivered again. Default: `first`. */
  readonly again?: 'first' | 'last';
  readonly options?: EventDrivenOptions;
}

export interface Story {
  /** The number of calls. */
  readonly calls: number;
  readonly delivered: readonly string[];
  /** The errors of rejected jobs. */
  readonly rejections: readonly unknown[];
  /** The jobs that were delivered again. */
  readonly again: readonly string[];
}

/** The maximum number of deliveries. A run that needs more does not end. */
const mostDeliveries = 3_000;

/** Handles the jobs of a run until its queue is empty. */
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

/** A worker's connection to the shared store. */
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

/** A state for a worker that may also die at each call of the state. */
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
