import { type AnyFunction, aConcurrency, aFunction, anObjectOf, aValue, type Reader } from '../../shared/validate.js';
import { Cancellation, untilAborted } from '../cancellation.js';
import { failureOf } from '../errors.js';
import { handOn } from '../hooks/failures.js';
import { captured, restored } from '../hooks/instrumentation.js';
import {
  type Core,
  enter,
  outside,
  ownScope,
  type Process,
  processOf,
  type Scope,
  type Stubs,
} from '../scope/process.js';
import { run } from '../scope/run.js';
import type { Task, Work } from '../scope/task.js';
import { keyOf } from './share-key.js';

/**
 * Options of shared calls. A plain value stands for `{ ttl }`, and `true` for `{}`, which combines equal calls in
 * flight.
 *
 * @example
 * const share: ShareOptions<[user: User]> = { ttl: 60_000, key: (user) => user.id, max: 500 };
 */
export interface ShareOptions<Args extends readonly unknown[] = readonly unknown[]> {
  /**
   * Time for which a result is kept and answers later calls, in milliseconds, or Infinity. With `'run'`, a result is
   * kept until the run has ended, and each run has its own results. Failures are not kept. Default: 0, results are not
   * kept.
   */
  readonly ttl?: number | 'run' | undefined;
  /**
   * Returns the value that identifies a call, from its arguments: a primitive, a Date, or a plain object or array of
   * these. Required if the arguments are of any other kind. Default: all arguments.
   */
  readonly key?: ((...args: Args) => unknown) | undefined;
  /**
   * Maximum number of results that are kept: a whole number of at least 1, or Infinity. The least recently used result
   * is dropped first. Default: 1000, and Infinity with `ttl: 'run'`.
   */
  readonly max?: number | undefined;
}

/** Options after validation. */
export interface StoredShare {
  readonly ttl?: number | 'run' | undefined;
  readonly key?: AnyFunction | undefined;
  readonly max?: number | undefined;
}

const aTtl = aValue<number | 'run'>(
  "'run' or a number of milliseconds of at least 0",
  (value) => value === 'run' || (typeof value === 'number' && value >= 0),
);

const readShareOptions = anObjectOf<ShareOptions, StoredShare>({ ttl: aTtl, key: aFunction, max: aConcurrency }, 'ttl');

/** Reads the option `share`. Like `null`, `false` switches sharing off. */
export const readShare: Reader<StoredShare | null> = (value, field) => {
  if (value === false) return null;
  return value === true ? {} : readShareOptions(value, field);
};

/** A result that is kept. */
interface Kept {
  readonly result: Promise<unknown>;
  /** Time at which the result expires, on the monotonic clock. */
  readonly until: number;
}

/** A call that waits for a flight. */
interface Waiter {
  readonly task: Task;
  readonly scope: Scope;
}

/**
 * The calls of one action that are compared with each other: calls with the same receiver and, with `ttl: 'run'`, in
 * the same run.
 */
interface Calls {
  readonly flights: Map<unknown, Flight>;
  /** Results by key, the least recently used first. */
  readonly kept: Map<unknown, Kept>;
  /** Key of the most recently used result. */
  latest: unknown;
}

/** Key that stands for no receiver or no run in the maps of calls. */
const none = {};

/** Flights by their cancellation, which is part of the scopes of their work. */
const flightsByCancellation = new WeakMap<Cancellation, Flight>();

/**
 * The shared calls of an action. A flight is the work that equal calls have in common:
 *
 *     first call ─► in flight ─┬─ result ──► kept, if there is a ttl ─► dropped: expired, or least recently used
 *                      ▲       ├─ failure ─► dropped
 *        equal calls ──┘       └─ the last waiting call is aborted ─► aborted and dropped
 *
 * Each call is a task that waits for the flight in the call's own run. The work belongs to none of these runs, because
 * it continues when its first caller is aborted; it has a run of its own. The run starts outside the asynchronous
 * context of the first caller, whose request the other callers must not see, but in its trace. With `ttl: 'run'`, all
 * callers are in one run, and so is the work, but outside the groups and attempts of its callers.
 */
export class Sharing {
  /** Calls without a receiver, in all runs. */
  #plain = noCalls();
  #ofReceiver = new WeakMap<object, WeakMap<object, Calls>>();
  /** Number of changes to the stub of the action when the calls were made. */
  #changes = 0;
  readonly #isOfRun: boolean;
  readonly #max: number;

  constructor(
    private readonly core: Core,
    private readonly name: string,
    private readonly options: StoredShare,
    private readonly next: Work,
  ) {
    this.#isOfRun = options.ttl === 'run';
    this.#max = options.max ?? (this.#isOfRun ? Infinity : 1000);
  }

  /** Returns the kept result for a call, or `undefined` if no result is kept or the arguments are not valid. */
  kept(args: readonly unknown[], self: unknown, process: Process | undefined): Promise<unknown> | undefined {
    const calls = this.#callsOf(self, process);
    if (!calls?.kept.size) return undefined;
    try {
      return keptIn(calls, this.#keyOf(args), this.#max < Infinity);
    } catch {
      return undefined;
    }
  }

  /** The outermost stage of a task whose calls are shared. */
  readonly work: Work = (task, scope) => {
    const process = processOf(this.core, scope);
    const calls = this.#callsOf(task.self, process);
    if (calls === undefined || process === undefined) return this.next(task, scope);
    const key = this.#keyOf(task.args);
    const kept = keptIn(calls, key, this.#max < Infinity);
    if (kept !== undefined) return kept;
    const known = calls.flights.get(key);
    if (known !== undefined) return isWithin(scope, known) ? this.next(task, scope) : known.join({ task, scope });
    return this.#depart(calls, key, { task, scope }, process);
  };

  /** Returns the calls with which a call is compared. `undefined` if the receiver is a primitive. */
  #callsOf(self: unknown, process: Process | undefined): Calls | undefined {
    if (this.core.stubs !== undefined) this.#forgetOthers(this.core.stubs);
    if (self === undefined && !this.#isOfRun) return this.#plain;
    const owner = this.#isOfRun ? process : none;
    const receiver = self ?? none;
    if (owner === undefined || (typeof receiver !== 'object' && typeof receiver !== 'function')) return undefined;
    const ofReceiver = getOrMake(this.#ofReceiver, receiver, () => new WeakMap<object, Calls>());
    return getOrMake(ofReceiver, owner, noCalls);
  }

  /** Forgets the calls from before the latest change to the stub of the action, which another function answered. */
  #forgetOthers(stubs: Stubs): void {
    const changes = stubs.changes.get(this.name) ?? 0;
    if (changes === this.#changes) return;
    this.#changes = changes;
    this.#plain = noCalls();
    this.#ofReceiver = new WeakMap();
  }

  #keyOf(args: readonly unknown[]): unknown {
    const { key } = this.options;
    return keyOf(key === undefined ? args : [key(...args)], this.name);
  }

  #depart(calls: Calls, key: unknown, first: Waiter, process: Process): Promise<unknown> {
    const { flights } = calls;
    const flight = new Flight(this.#isOfRun ? process.cancellation : undefined, () => dropped());
    const dropped = () => flights.get(key) === flight && flights.delete(key);
    flights.set(key, flight);
    const joined = flight.join(first);
    const work = this.#isOfRun ? this.#inRun(flight, first, process) : this.#inOwnRun(flight, first);
    flight.follow(
      work.then(
        (result) => {
          if (dropped()) this.#keep(calls, key, flight.result);
          return result;
        },
        (thrown) => {
          dropped();
          throw thrown;
        },
      ),
    );
    return joined;
  }

  #inOwnRun(flight: Flight, { task }: Waiter): Promise<unknown> {
    const started = async ({ id }: { readonly id: string }) => {
      try {
        return await this.#execute(flight, task, ownScope() as Scope);
      } catch (thrown) {
        const failure = failureOf(thrown, this.name);
        handOn(failure, id);
        throw failure;
      }
    };
    const signal = flight.cancellation as unknown as AbortSignal;
    const carrier = captured() ?? {};
    return outside(() => restored(carrier, () => run(this.core, started, { name: this.name, signal })));
  }

  #inRun(flight: Flight, { task, scope }: Waiter, process: Process): Promise<unknown> {
    let top = scope;
    while (top.outer !== undefined && (top.process !== process || top.outer.process === process)) top = top.outer;
    return this.#execute(flight, task, top);
  }

  async #execute(flight: Flight, task: Task, outer: Scope): Promise<unknown> {
    const { cancellation } = flight;
    const { name, core, args, self } = task;
    const shared: Task = {
      ...{ process: outer.process, cancellation, outer, number: undefined },
      ...{ name, core, args, self, attempt: 1, expired: undefined, wait: undefined },
      // Attempts are counted on the record of the call that has waited longest.
      get record() {
        return flight.first?.task.record;
      },
    };
    try {
      return await enter(shared, async () => untilAborted(cancellation, this.next(shared, shared)));
    } finally {
      cancellation.release();
    }
  }

  #keep(calls: Calls, key: unknown, result: Promise<unknown>): void {
    const { ttl = 0 } = this.options;
    if (ttl === 0) return;
    const now = performance.now();
    use(calls, key, { result, until: ttl === 'run' ? Infinity : now + ttl });
    for (const [oldest, { until }] of calls.kept) {
      if (until > now && calls.kept.size <= this.#max) break;
      calls.kept.delete(oldest);
    }
  }
}

function noCalls(): Calls {
  return { flights: new Map(), kept: new Map(), latest: undefined };
}

function getOrMake<Value>(map: WeakMap<object, Value>, key: object, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function keptIn(calls: Calls, key: unknown, isOrdered: boolean): Promise<unknown> | undefined {
  const { kept } = calls;
  const found = kept.get(key);
  if (found === undefined) return undefined;
  if (found.until < Infinity && found.until <= performance.now()) {
    kept.delete(key);
    return undefined;
  }
  if (isOrdered && calls.latest !== key) use(calls, key, found);
  return found.result;
}

function use(calls: Calls, key: unknown, result: Kept): void {
  calls.kept.delete(key);
  calls.kept.set(key, result);
  calls.latest = key;
}

/** Work in progress that equal calls have in common. */
class Flight {
  readonly cancellation: Cancellation;
  readonly waiting = new Set<Waiter>();
  readonly result: Promise<unknown>;
  #settle!: (work: Promise<unknown>) => void;

  /** @param drop - called when no call is waiting any more */
  constructor(
    source: Cancellation | undefined,
    private readonly drop: () => void,
  ) {
    this.cancellation = new Cancellation([source], true);
    this.result = new Promise((resolve) => {
      this.#settle = resolve;
    });
    // Prevents an unhandled rejection, because every waiter may have left before the work fails.
    this.result.catch(() => {});
    flightsByCancellation.set(this.cancellation, this);
  }

  /** The call that has waited longest. */
  get first(): Waiter | undefined {
    return this.waiting.values().next().value;
  }

  /** Settles like the work. */
  follow(work: Promise<unknown>): void {
    this.#settle(work);
  }

  /**
   * Makes a call wait for the result. An abort of the call ends its own waiting, and also the work if no other call is
   * waiting.
   */
  join(waiter: Waiter): Promise<unknown> {
    this.waiting.add(waiter);
    const { cancellation } = waiter.scope;
    return untilAborted(cancellation, this.result, () => {
      this.waiting.delete(waiter);
      if (this.waiting.size > 0) return;
      this.drop();
      this.cancellation.abort(cancellation.reason);
    }) as Promise<unknown>;
  }
}

/**
 * Returns true if the code in `scope` is part of the flight's work, either directly or because the work waits for
 * another flight to which the code belongs. If such code waited for the flight, both would wait forever.
 */
function isWithin(scope: Scope, flight: Flight, seen = new Set<Flight>()): boolean {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const around = flightsByCancellation.get(at.cancellation);
    if (around === undefined || seen.has(around)) continue;
    if (around === flight) return true;
    seen.add(around);
    for (const waiter of around.waiting) if (isWithin(waiter.scope, flight, seen)) return true;
  }
  return false;
}
