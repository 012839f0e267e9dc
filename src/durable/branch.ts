import type { Cancellation } from '../kernel/cancellation.js';
import {
  type Branch,
  enter,
  type Fork,
  type Life,
  ownScope,
  type RecordedAction,
  type RecordedRun,
  type Scope,
} from '../kernel/scope/process.js';
import { ValidationError } from '../shared/errors.js';
import { isPromiseLike } from '../shared/promise-like.js';
import { Call, type Concurrent, resultOf } from './call.js';
import { DurableLimit } from './durable-limit.js';
import { DivergenceError } from './errors.js';
import type { Entry } from './history.js';
import { escaped, fingerprint } from './identity.js';
import type { Recording } from './recording.js';
import { executeTask } from './task.js';

type Form = Parameters<Branch['fork']>[0];

/**
 * A line of calls in a recorded run: the function of the run, a member of a group, or the function of a nested run. Gives
 * every call its identity, at the time of the call, and finds out which calls were alone.
 */
export class RecordedBranch implements Branch {
  /** The first call, and from the second on, the number of equal calls so far. */
  #occurrences: string | Map<string, number> | undefined;
  #underWay = 0;
  /** The only one under way, if nothing else has been under way with it. */
  #only: Concurrent | undefined;

  /**
   * @param path - the path of the branch in the run, `/` for the function of the run
   * @param outer - the branch around it
   * @param group - the group or nested run of the outer branch to which it belongs
   */
  constructor(
    readonly recording: Recording,
    readonly path: string,
    readonly outer?: RecordedBranch,
    private readonly group?: Concurrent,
  ) {}

  get isInCrowd(): boolean {
    for (let branch: RecordedBranch = this; branch.outer !== undefined; branch = branch.outer) {
      if (branch.group?.isAlone === false) return true;
    }
    return false;
  }

  task(
    action: RecordedAction,
    args: readonly unknown[],
    scope: Scope,
    perform: () => unknown,
    self?: unknown,
  ): Promise<unknown> {
    const { process, cancellation } = scope;
    if (this.recording.isOver) {
      return Promise.resolve(enter({ process, cancellation, outer: scope }, async () => perform()));
    }
    const { key, once = false, share } = action.policies ?? {};
    let values = args;
    if (key !== undefined) {
      try {
        values = [syncKey(key(...(args as never[])), action.name)];
      } catch (thrown) {
        return Promise.reject(thrown);
      }
    }
    const call = this.call(action.name, fingerprint(values), scope);
    if (share?.ttl !== 'run' || self !== undefined)
      return call.settle((entry) => executeTask(call, perform, once, entry), { args });
    const { shared } = this.recording;
    const execute = (entry: Entry | undefined) => {
      const known = shared.of(process, action, args);
      if (known === undefined) executeTask(call, perform, once, entry);
      else call.end({ kind: 'value', value: known.value });
    };
    return call.settle(execute, { args, onReplay: (outcome) => shared.keep(process, action, args, outcome) });
  }

  fork({ kind, name }: Form, work: (fork: Fork) => Promise<unknown>): Promise<unknown> {
    const label = kind === name ? kind : `${kind}:${escaped(name)}`;
    const { history } = this.recording;
    const path = this.#inner(label);
    const group = new RecordedFork(this, path);
    let isCutShort = kind === 'any' || kind === 'each';
    this.begin(group);
    history.begin(path);
    return work(group)
      .catch((thrown) => {
        isCutShort = true;
        throw thrown;
      })
      .finally(() => {
        if (isCutShort) history.cutShort(path);
        this.end(group);
        group.end();
      });
  }

  record({ name }: RecordedRun, execute: (life: Life) => unknown): Promise<unknown> {
    const { recording } = this;
    const path = this.#inner(`run:${escaped(name)}`);
    const scope = ownScope() as Scope;
    const call = new Call(this, path, name, scope);
    const nested = new NestedLife(this, path, call);
    if (recording.isOver) return Promise.resolve(execute(nested));
    recording.history.begin(path);
    const work = () => resultOf(() => execute(nested), scope.cancellation);
    return call.settleWith(work, { isRun: true }).finally(() => nested.end());
  }

  /**
   * Gives a call its identity.
   *
   * @param key - tells the call from others of its name. Empty for none
   */
  call(name: string, key: string, scope: Scope): Call {
    const label = key === '' ? `${escaped(name)} ` : `${escaped(name)} [${key}]`;
    return new Call(this, `${this.path} ${label}#${this.#draw(label)}`, name, scope);
  }

  /** Notes that a call or a group has begun. */
  begin(work: Concurrent): void {
    if (this.#underWay++ === 0) {
      this.#only = work;
      return;
    }
    work.isAlone = false;
    if (this.#only !== undefined) this.#only.isAlone = false;
    this.#only = undefined;
  }

  /** Notes that a call or a group has ended. */
  end(work: Concurrent): void {
    this.#underWay--;
    if (this.#only === work) this.#only = undefined;
  }

  /**
   * Ends the life if a call that is not recorded comes before a record that was made alone, so the code has changed.
   *
   * @param identity - identity of the call
   */
  checkFrontier(identity: string): void {
    const { history, host } = this.recording;
    for (const path of this.#paths) {
      const missed = history.firstAlone(path);
      if (missed === undefined) continue;
      host.fail(new DivergenceError(host.runId, missed.identity, identity));
      return;
    }
  }

  /** If true, something is recorded that comes after this place in the code. */
  get isPast(): boolean {
    return this.recording.history.isPast(this.#paths);
  }

  /** Paths of the branch and the branches around it, innermost first. */
  get #paths(): readonly string[] {
    const paths = [];
    for (let branch: RecordedBranch | undefined = this; branch !== undefined; branch = branch.outer) {
      paths.push(branch.path);
    }
    return paths;
  }

  #inner(label: string): string {
    return `${this.path === '/' ? '' : this.path}/${label}#${this.#draw(`/${label}`)}`;
  }

  #draw(label: string): number {
    // Most members of a group make one call, and need no map.
    if (this.#occurrences === undefined) {
      this.#occurrences = label;
      return 0;
    }
    if (typeof this.#occurrences === 'string') this.#occurrences = new Map([[this.#occurrences, 1]]);
    const number = this.#occurrences.get(label) ?? 0;
    this.#occurrences.set(label, number + 1);
    return number;
  }
}

/** Returns a key, which must be known when the action is called. */
function syncKey(key: unknown, name: string): unknown {
  if (!isPromiseLike(key)) return key;
  key.then(undefined, () => {});
  throw new ValidationError(
    `key of "${name}" must return a value, got a promise: return a part of the arguments, without await`,
  );
}

/** A group in a recorded branch. */
class RecordedFork implements Fork, Concurrent {
  isAlone: boolean;
  readonly #limits: DurableLimit[] = [];

  constructor(
    private readonly branch: RecordedBranch,
    private readonly path: string,
  ) {
    this.isAlone = branch.recording.order.isResumed;
  }

  call(key: string | number, work: () => unknown): unknown {
    const path = `${this.path}[${typeof key === 'number' ? key : escaped(key)}]`;
    return enter(
      inBranch(ownScope() as Scope, new RecordedBranch(this.branch.recording, path, this.branch, this)),
      work,
    );
  }

  limit(cancellation: Cancellation, name: string, timeout: number): void {
    this.#limits.push(new DurableLimit(this.branch.recording, this.path, cancellation, name, timeout));
  }

  end(): void {
    for (const limit of this.#limits) limit.end();
  }
}

/** A nested run in a recorded branch. */
class NestedLife implements Life {
  readonly number: number;
  #limit: DurableLimit | undefined;

  constructor(
    private readonly branch: RecordedBranch,
    private readonly path: string,
    private readonly run: Concurrent,
  ) {
    this.number = branch.recording.host.life;
  }

  call(_record: object, scope: Scope, work: () => unknown): unknown {
    this.branch.recording.order.resume();
    return enter(inBranch(scope, new RecordedBranch(this.branch.recording, this.path, this.branch, this.run)), work);
  }

  limit(cancellation: Cancellation, name: string, timeout: number): void {
    this.#limit = new DurableLimit(this.branch.recording, this.path, cancellation, name, timeout);
  }

  end(): void {
    this.#limit?.end();
  }
}

/** Returns a scope like the given one, whose calls are recorded in a branch. */
function inBranch(scope: Scope, branch: RecordedBranch): Scope {
  return { process: scope.process, cancellation: scope.cancellation, outer: scope, branch };
}
