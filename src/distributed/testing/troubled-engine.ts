import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery, Disposition, Engine, Handler, StatusChange } from '../contracts.js';
import { EngineError } from '../errors.js';
import { LostCall, Program } from './program.js';
import type { Plan, Trouble } from './trouble-plan.js';

/**
 * Options of `new TroubledEngine`: which calls go wrong, and how long late calls wait. Without a plan, calls go wrong
 * only when the test calls `suffer` or `kill`.
 */
export interface TroubledEngineOptions {
  /** The plan that says which calls go wrong, and how. Default: no call goes wrong. */
  readonly plan?: Plan | undefined;
  /**
   * Milliseconds for which a late call or answer waits for the next call, and after which a lost call times out.
   * Default: thirty turns of the event loop, which is enough for `memory()`.
   */
  readonly patience?: number | undefined;
  /** Called after the engine has carried out a call, before the program gets the answer. Default: none. */
  readonly onDone?: ((method: string, args: readonly unknown[]) => void) | undefined;
}

/** Milliseconds before a job is delivered again if the answer of its handler was lost. */
const again = 20;

/** The queue and the stores of an engine. Their method `close` never goes wrong. */
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
 * Wraps an engine for one simulated program whose calls go wrong. Troubles affect calls to the engine, its queue and
 * its stores, the notifications of status changes (named `told` in plans), and the deliveries of jobs with the answers
 * of their handlers (named `handled`). A call that fails rejects with an `EngineError`.
 *
 * Each program of a fleet needs its own `TroubledEngine`, all of them around the same engine. The engine itself works
 * undisturbed, so a test can inspect its data directly.
 *
 * @example
 * const troubled = new TroubledEngine(engine, { plan: planFrom(42, 0.1) });
 * const worker = new DistributedWorker({ engine: troubled.face, workflows: [flow] });
 * // ... run flows, compare them with the same flows in process, and print `String(troubled)` if they differ
 */
export class TroubledEngine {
  /** The engine that the program uses: pass it to orchestrators and workers. */
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

  /** The last calls, each with its trouble. */
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
   * Makes every call go wrong in the same way from now on, regardless of the plan. Calls that hang continue only after
   * the trouble has ended.
   *
   * @param trouble - the trouble; `undefined` returns to the plan
   * @param methods - the names of the methods, such as `commit` or `queue.enqueue`. Default: all
   */
  suffer(trouble: Trouble | undefined, methods?: readonly string[]): void {
    this.#program.suffer(trouble, methods);
  }

  /** Kills the program as in a crash: its calls never settle, and its jobs go to other workers. */
  kill(): void {
    this.#program.kill();
  }

  /** Resolves when all late calls have arrived. */
  rest(): Promise<void> {
    return this.#program.rest();
  }

  /** Returns the plan and the history as text, for the message of a failed test. */
  toString(): string {
    return this.#program.toString();
  }

  /** Wraps the listeners and job handlers that the engine is given, so that faults can be injected into their calls. */
  #heard(engine: Engine): Engine {
    const told = (listener: (change: StatusChange) => void) => (change: StatusChange) => {
      // A notification may be lost, so its failure is ignored.
      const hear = async () => listener(change);
      void this.#program.call('told', [change.runId, change.status], hear).catch(() => undefined);
    };
    const queue = replaced(engine.queue, {
      consume: (handler, options) => engine.queue.consume((delivery) => this.#handled(handler, delivery), options),
    });
    return replaced(engine, { queue, subscribe: (listener) => engine.subscribe(told(listener)) });
  }

  /** Handles a job. If the handler's answer is lost, the queue delivers the job again. */
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

/** Wraps an object in a proxy that replaces some of its members. Other methods are called on the object itself. */
function replaced<Target extends object>(target: Target, members: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_, key) => {
      if (Object.hasOwn(members, key)) return Reflect.get(members, key);
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
