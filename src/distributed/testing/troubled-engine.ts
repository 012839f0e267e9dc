import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery, Disposition, Engine, Handler, StatusChange } from '../contracts.js';
import { EngineError } from '../errors.js';
import { LostCall, Program } from './program.js';
import type { Plan, Trouble } from './trouble-plan.js';

/** What `new TroubledEngine` takes. */
export interface TroubledEngineOptions {
  /** Which call goes wrong, and how. Default: none does. */
  readonly plan?: Plan | undefined;
  /**
   * For how many milliseconds a late call or answer waits for the next, and after how many a lost call times out. Default:
   * thirty turns of the event loop, which is enough for an engine in memory.
   */
  readonly patience?: number | undefined;
  /** Called with each call that the engine has done, before the program knows. Default: nothing is. */
  readonly onDone?: ((method: string, args: readonly unknown[]) => void) | undefined;
}

/** Milliseconds after which a job comes again whose handler's answer was lost. */
const again = 20;

/** Parts of an engine, and their methods that never go wrong: those that end something. */
const parts = Object.fromEntries(
  [
    'queue',
    'contextStore',
    'runInfoStore',
    'metricsStore',
    'errorStore',
    'livenessStore',
    'workItemStateStore',
    'checkpointStore',
    'workflowStore',
  ].map((part) => [part, { except: ['close'], whole: 'engine' }]),
);

/**
 * An engine as one program sees it whose calls go wrong: calls of the engine, its queue and its stores, what the engine
 * tells of runs (`told`), and jobs and the answers of their handlers (`handled`). Failures are `EngineError`s.
 *
 * Each program of a fleet gets a face of its own on the same engine. The engine itself goes on undisturbed, so what is on
 * it can be looked at.
 *
 * @example
 * const troubled = new TroubledEngine(engine, { plan: planFrom(42, 0.1) });
 * const worker = new DistributedWorker({ engine: troubled.face, workflows: [flow] });
 * // ... run flows, compare them with the same flows in process, and print `String(troubled)` if they differ
 */
export class TroubledEngine {
  /** The engine, as the program sees it. */
  readonly face: Engine;
  readonly #program: Program<Engine>;

  constructor(engine: Engine, { plan, patience, onDone }: TroubledEngineOptions = {}) {
    this.#program = new Program<Engine>(this.#heard(engine), {
      methods: ['open', 'begin', 'commit', 'subscribe'],
      parts,
      held: {
        subscribe: { letGo: [] },
        'queue.consume': { letGo: ['close'], surely: ['terminate'], calls: ['pause', 'resume'] },
        'checkpointStore.claim': { letGo: ['release'] },
      },
      plan,
      onDone,
      failure: (message) => new EngineError(engine.name, 'is troubled', { cause: new LostCall(message) }),
      pause: patience === undefined ? undefined : () => sleep(patience / 30),
    });
    this.face = this.#program.face;
  }

  /** What was called last, and what went wrong with it. */
  get history(): readonly string[] {
    return this.#program.history;
  }

  /** Resolves when the program dies, by its plan or by `kill`. */
  get death(): Promise<void> {
    return this.#program.death;
  }

  get isAlive(): boolean {
    return this.#program.isAlive;
  }

  /**
   * Lets every call go wrong in one way from now on, whatever the plan says. Calls that hang do so until this ends.
   *
   * @param trouble - `undefined` ends it
   * @param methods - which calls, as the history names them: `commit`, `queue.enqueue`. Default: all
   */
  suffer(trouble: Trouble | undefined, methods?: readonly string[]): void {
    this.#program.suffer(trouble, methods);
  }

  /** Ends the program as a crash does: none of its calls settles any more, and its jobs go to others. */
  kill(): void {
    this.#program.kill();
  }

  /** Resolves when all that was late has come. */
  rest(): Promise<void> {
    return this.#program.rest();
  }

  /** The plan, and what was called. */
  toString(): string {
    return this.#program.toString();
  }

  /** The engine, whose listeners and handlers are called through the trouble. */
  #heard(engine: Engine): Engine {
    const told = (listener: (change: StatusChange) => void) => (change: StatusChange) => {
      // Nothing depends on what is told.
      const hear = async () => listener(change);
      void this.#program.call('told', [change.runId, change.status], hear).catch(() => undefined);
    };
    const queue = replaced(engine.queue, {
      consume: (handler, options) => engine.queue.consume((delivery) => this.#handled(handler, delivery), options),
    });
    return replaced(engine, { queue, subscribe: (listener) => engine.subscribe(told(listener)) });
  }

  /** Where the queue hears of no answer, it delivers the job again. */
  async #handled(handler: Handler, delivery: Delivery): Promise<Disposition> {
    let failure: { readonly error: unknown } | undefined;
    try {
      return await this.#program.call('handled', [delivery.job.id, delivery.crashes], async () => {
        try {
          failure = undefined;
          return await handler(delivery);
        } catch (error) {
          failure = { error };
          throw error;
        }
      });
    } catch {
      if (failure !== undefined) throw failure.error;
      return { delay: again };
    }
  }
}

/** An object with some of its members replaced. Methods are called on the object itself. */
function replaced<Target extends object>(target: Target, members: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_, key) => {
      if (Object.hasOwn(members, key)) return Reflect.get(members, key);
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
