import { Lateness, turns } from './lateness.js';
import type { ProgramOptions } from './program-options.js';
import { calm, type Plan, type Trouble } from './trouble-plan.js';

type Call = () => Promise<unknown>;

/** Maximum number of lines in the history. */
const longestHistory = 2_000;

/** A promise that never settles. */
export const never = new Promise<never>(() => {});

/**
 * A simulated program whose calls to a target go wrong. The target is any object with asynchronous methods.
 *
 * The program uses the `face`, a proxy of the target. Calls are numbered from 1, and a plan says which of them go wrong
 * and how. When the program dies, its calls never settle, and the resources that it held are released. A late call or
 * answer arrives after the program's next call or, without a next call, after some turns of the event loop.
 */
export class Program<Target extends object> {
  /** The proxy of the target, for the program to use. */
  readonly face: Target;
  /** The last calls, each with its trouble. */
  readonly history: string[] = [];
  /** Resolves when the program dies. */
  readonly death: Promise<void>;
  #die: () => void = () => {};
  #isAlive = true;
  readonly #ofMethods = new Map<string, number>();
  #outage: { readonly trouble: Trouble; readonly methods: readonly string[] | undefined } | undefined = undefined;
  readonly #held = new Set<() => Promise<unknown>>();
  readonly #late = new Set<Promise<unknown>>();
  readonly #lateness: Lateness;
  readonly #plan: Plan;

  constructor(
    target: Target,
    private readonly options: ProgramOptions,
  ) {
    this.#plan = options.plan ?? calm;
    this.death = new Promise((resolve) => {
      this.#die = resolve;
    });
    this.#lateness = new Lateness(options.pause ?? (() => turns(1)), this.death);
    this.face = this.#faceOf(target);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Number of answers that are held and have not been released. */
  get holds(): number {
    return this.#held.size;
  }

  /** Number of calls so far. */
  get calls(): number {
    return this.#lateness.calls;
  }

  /**
   * Makes every call go wrong in the same way from now on, regardless of the plan. Calls that hang continue only after
   * the trouble has ended.
   *
   * @param trouble - the trouble; `undefined` returns to the plan
   * @param methods - the names of the methods, as in the history. Default: all
   */
  suffer(trouble: Trouble | undefined, methods?: readonly string[]): void {
    this.#outage = trouble && { trouble, methods };
  }

  /** Kills the program: its calls never settle, and the resources that it held are released. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#die();
    for (const letGo of this.#held) this.#later(letGo());
    this.#held.clear();
  }

  /** Resolves when all late calls have arrived. */
  async rest(): Promise<void> {
    while (this.#late.size > 0) await Promise.allSettled(this.#late);
  }

  toString(): string {
    return `${this.#plan.text}\n${this.history.map((line) => `    ${line}`).join('\n')}`;
  }

  /** Makes a call with the trouble that the plan has for this call. */
  async call<Answer>(method: string, args: readonly unknown[], work: () => Promise<Answer>): Promise<Answer> {
    if (!this.#isAlive) return never;
    const number = this.#lateness.begin();
    const nth = (this.#ofMethods.get(method) ?? 0) + 1;
    this.#ofMethods.set(method, nth);
    const trouble = this.#troubleOf(number, method, nth);
    this.#note(`${number} ${method}(${args.map(shown).join(', ')})${trouble ? `: ${trouble}` : ''}`);
    const done = async () => {
      const answer = await work();
      this.options.onDone?.(method, args);
      return answer;
    };
    try {
      const answer = (await this.#suffered(number, method, trouble, done)) as Answer;
      return this.#isAlive ? answer : never;
    } catch (error) {
      if (!this.#isAlive) return never;
      this.#note(`  ${number} rejects: ${error}`);
      throw error;
    } finally {
      this.#lateness.end(number);
    }
  }

  #troubleOf(number: number, method: string, nth: number): Trouble | undefined {
    const { trouble, methods } = this.#outage ?? {};
    return trouble !== undefined && (methods?.includes(method) ?? true) ? trouble : this.#plan(number, method, nth);
  }

  #note(line: string): void {
    this.history.push(line);
    if (this.history.length > longestHistory) this.history.splice(0, longestHistory / 2);
  }

  /** Tracks a late call, and ignores its failure. */
  #later(coming: Promise<unknown>): void {
    const late: Promise<unknown> = coming.catch(() => undefined).then(() => this.#late.delete(late));
    this.#late.add(late);
  }

  #faceOf(target: Target): Target {
    const { methods, parts = {} } = this.options;
    const faces = new Map<object, object>();
    const face: Target = wrapped(target, (value, key) => {
      if (methods.includes(key)) return this.#called(key, target, value);
      const part = parts[key];
      if (part === undefined || typeof value !== 'object' || value === null) return undefined;
      const known = faces.get(value);
      const made =
        known ??
        wrapped(value, (inner, name) => {
          if (name === part.whole) return face;
          return part.except.includes(name) ? undefined : this.#called(`${key}.${name}`, value, inner);
        });
      faces.set(value, made);
      return made;
    });
    return face;
  }

  #called(name: string, target: object, method: unknown): unknown {
    if (typeof method !== 'function') return undefined;
    return (...args: unknown[]) => this.call(name, args, async () => method.apply(target, args));
  }

  /** Makes a call with its trouble, and returns the answer. */
  async #suffered(number: number, method: string, trouble: Trouble | undefined, call: Call): Promise<unknown> {
    // A resource is held as soon as the target returns it, even if the program dies before the answer arrives.
    const send = async () => this.#hold(method, await this.#lateness.heard(number, call));
    const unheard = () => this.#lost(`call ${number}, ${method}, never came to the target`);
    switch (trouble) {
      case undefined:
        return send();
      case 'fails':
        throw unheard();
      case 'times out':
        await this.#lateness.wait();
        throw unheard();
      case 'loses its answer':
        await this.#letGo(method, await this.#lateness.heard(number, call));
        throw this.#lost(`call ${number}, ${method}, was done, and its answer was lost`);
      case 'is heard too late':
        this.#later(
          this.#lateness
            .after(number + 1)
            .then(async () => this.#letGo(method, await this.#lateness.heard(number, call))),
        );
        throw this.#lost(`call ${number}, ${method}, was not answered, and is on its way`);
      case 'hangs':
        await this.#lateness.stillness(
          () => !this.#isAlive,
          () => this.#outage?.trouble === 'hangs',
        );
        return this.#isAlive ? send() : never;
      case 'is overtaken':
        await this.#lateness.after(number + 1);
        return this.#isAlive ? send() : never;
      case 'answers late': {
        const answer = await send();
        await this.#lateness.after(number + 1);
        return answer;
      }
      case 'is sent twice': {
        const first = await this.#lateness.heard(number, call);
        await this.#letGo(method, first);
        return send();
      }
      case 'dies before it':
        this.kill();
        return never;
      case 'dies after it': {
        const answer = await this.#lateness.heard(number, call);
        this.kill();
        this.#later(this.#letGo(method, answer));
        return never;
      }
      case 'dies during it': {
        this.kill();
        this.#later(this.#lateness.wait(number).then(async () => this.#letGo(method, await call())));
        return never;
      }
    }
  }

  #lost(message: string): Error {
    return this.options.failure?.(message) ?? new LostCall(message);
  }

  #hold(method: string, answer: unknown): unknown {
    const holding = this.options.held?.[method];
    if (holding === undefined) return answer;
    const letGo = () => this.#letGo(method, answer);
    if (!this.#isAlive) {
      this.#later(letGo());
      return answer;
    }
    this.#held.add(letGo);
    if (typeof answer === 'function') return () => this.#held.delete(letGo) && answer();
    return wrapped(answer as object, (value, key) => {
      const { letGo: lets, calls = [], surely = [] } = holding;
      if (typeof value !== 'function' || ![...lets, ...calls, ...surely].includes(key)) return undefined;
      return (...args: unknown[]) => {
        const work = async () => {
          const done = await value.apply(answer, args);
          if (!calls.includes(key)) this.#held.delete(letGo);
          return done;
        };
        return surely.includes(key) ? work() : this.call(key, args, work);
      };
    });
  }

  async #letGo(method: string, answer: unknown): Promise<void> {
    const holding = this.options.held?.[method];
    if (holding === undefined) return;
    if (typeof answer === 'function') answer();
    else {
      const last = [...holding.letGo, ...(holding.surely ?? [])].at(-1) as string;
      await (answer as Record<string, () => Promise<unknown>>)[last]?.();
    }
  }
}

/** The error of a call that went wrong. */
export class LostCall extends Error {
  override readonly name = 'LostCall';
}

/** Wraps an object in a proxy that replaces some of its properties. Other methods are called on the object itself. */
function wrapped<Target extends object>(target: Target, replace: (value: unknown, key: string) => unknown): Target {
  return new Proxy(target, {
    get: (_, key) => {
      const value: unknown = Reflect.get(target, key);
      return replace(value, String(key)) ?? (typeof value === 'function' ? value.bind(target) : value);
    },
  });
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}… (${text.length})`;
}
