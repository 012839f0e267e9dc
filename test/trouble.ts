/*
 * Anything with asynchronous methods, as a program sees it whose calls go wrong.
 *
 * A program has a face of the target. Its calls are numbered from 1 on, and a plan says which of them goes wrong, and
 * how. When the program dies, none of its calls settles any more, and what it held is let go. Nothing here waits for a
 * time: what is late comes after the program's next call, or after some turns of the event loop where none comes.
 */

export type Trouble = (typeof troubles)[number];

export const troubles = [
  /** The target never hears of the call, and the caller is told that it failed. */
  'fails',
  /** The target does it, and the caller is told that it failed. */
  'loses its answer',
  /** The target hears of the call once nothing else moves. */
  'hangs',
  /** The target hears of the call after it has heard of the next. */
  'is overtaken',
  /** The target does it; its answer comes after that of the next call. */
  'answers late',
  /** The target hears of the call, and once it has answered, again. The second answer counts. */
  'is sent twice',
  /** The program dies; the target never hears of the call. */
  'dies before it',
  /** The target does it; the program dies and never knows. */
  'dies after it',
  /** The program dies; the target hears of the call a moment later, when another program may be at work. */
  'dies during it',
] as const;

/** Which call goes wrong, and how. */
export interface Plan {
  (call: number, method: string): Trouble | undefined;
  /** As it can be written down and tried again. */
  readonly text: string;
}

/** Nothing goes wrong. */
export const calm: Plan = planOf({});

/** The trouble of each call, by the call's number. */
export function planOf(by: Readonly<Record<number, Trouble>>): Plan {
  return Object.assign((call: number) => by[call], { text: `planOf(${JSON.stringify(by)})` });
}

/** Trouble in about the given share of calls, the same for the same seed. */
export function planFrom(seed: number, share: number, kinds: readonly Trouble[] = troubles): Plan {
  const plan = (call: number) => {
    const random = randomFrom(seed * 7919 + call);
    return random() < share ? kinds[Math.floor(random() * kinds.length)] : undefined;
  };
  return Object.assign(plan, { text: `planFrom(${seed}, ${share}, ${JSON.stringify(kinds)})` });
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface ProgramOptions {
  /** The methods whose calls may go wrong. All others, and all properties, are the target's own. */
  readonly methods: readonly string[];
  /**
   * Methods whose answers are held until one of their own methods is called, by that method's name: `{ claim: 'release' }`.
   * That call may go wrong too. What a dead program held, and what came in an answer that was lost, is let go.
   */
  readonly held?: Readonly<Record<string, string>>;
  /** Default: nothing goes wrong. */
  readonly plan?: Plan;
  /** Called with each call that the target has done, before the program knows. */
  readonly onDone?: (method: string, args: readonly unknown[]) => void;
}

type Call = () => Promise<unknown>;

/** How many turns of the event loop something waits for a call that does not come. */
const patience = 30;

export const never = new Promise<never>(() => {});

export class Program<Target extends object> {
  /** The target, as the program sees it. */
  readonly face: Target;
  /** What was called, and what went wrong with it. */
  readonly history: string[] = [];
  /** Resolves when the program dies. */
  readonly death: Promise<void>;
  #die: () => void = () => {};
  #isAlive = true;
  #calls = 0;
  readonly #held = new Set<() => Promise<unknown>>();
  readonly #sent = new Map<number, PromiseWithResolvers>();
  readonly #late: Promise<unknown>[] = [];
  readonly #plan: Plan;

  constructor(
    target: Target,
    private readonly options: ProgramOptions,
  ) {
    this.#plan = options.plan ?? calm;
    this.death = new Promise((resolve) => {
      this.#die = resolve;
    });
    this.face = this.#faceOf(target, options.methods);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** How many answers are held and were not let go. */
  get holds(): number {
    return this.#held.size;
  }

  get calls(): number {
    return this.#calls;
  }

  /** Nothing that the program does counts any more. What it held is let go, as by its death. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#die();
    for (const letGo of this.#held) this.#later(letGo());
    this.#held.clear();
  }

  /** Resolves when all that was late has come. */
  async rest(): Promise<void> {
    while (this.#late.length > 0) await Promise.allSettled(this.#late.splice(0));
  }

  /** What comes when nobody waits for it, and may fail then. */
  #later(coming: Promise<unknown>): void {
    coming.catch(() => undefined);
    this.#late.push(coming);
  }

  toString(): string {
    return `${this.#plan.text}\n${this.history.map((line) => `    ${line}`).join('\n')}`;
  }

  #faceOf<Object extends object>(target: Object, methods: readonly string[]): Object {
    return new Proxy(target, {
      get: (_, key) => {
        const value = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        if (!methods.includes(String(key))) return value.bind(target);
        return (...args: unknown[]) => this.#call(String(key), args, async () => value.apply(target, args));
      },
    });
  }

  async #call(method: string, args: readonly unknown[], call: Call): Promise<unknown> {
    if (!this.#isAlive) return never;
    const number = ++this.#calls;
    const trouble = this.#plan(number, method);
    this.history.push(`${number} ${method}(${args.map(shown).join(', ')})${trouble ? `: ${trouble}` : ''}`);
    const done = async () => {
      const answer = await call();
      this.options.onDone?.(method, args);
      return answer;
    };
    try {
      const answer = await this.#suffered(number, method, trouble, done);
      return this.#isAlive ? answer : never;
    } catch (error) {
      if (!this.#isAlive) return never;
      this.history.push(`  ${number} rejects: ${error}`);
      throw error;
    }
  }

  /** The answer to a call, once the trouble is over. */
  async #suffered(number: number, method: string, trouble: Trouble | undefined, call: Call): Promise<unknown> {
    // An answer that is held is held from the moment it is given, whether or not the program lives to see it.
    const send = async () => this.#hold(method, await this.#heard(number, call));
    switch (trouble) {
      case undefined:
        return send();
      case 'fails':
        throw new LostCall(`call ${number}, ${method}, never came to the target`);
      case 'loses its answer':
        await this.#letGo(method, await this.#heard(number, call));
        throw new LostCall(`call ${number}, ${method}, was done, and its answer was lost`);
      case 'hangs':
        await this.#stillness();
        return this.#isAlive ? send() : never;
      case 'is overtaken':
        await this.#after(number + 1);
        return this.#isAlive ? send() : never;
      case 'answers late': {
        const answer = await send();
        await this.#after(number + 1);
        return answer;
      }
      case 'is sent twice': {
        const first = await this.#heard(number, call);
        await this.#letGo(method, first);
        return send();
      }
      case 'dies before it':
        this.kill();
        return never;
      case 'dies after it': {
        const answer = await this.#heard(number, call);
        this.kill();
        this.#later(this.#letGo(method, answer));
        return never;
      }
      case 'dies during it': {
        this.kill();
        this.#later(turns(number % patience).then(async () => this.#letGo(method, await call())));
        return never;
      }
    }
  }

  /** Makes a call, and lets those know that wait for it to be over. */
  async #heard(number: number, call: Call): Promise<unknown> {
    try {
      return await call();
    } finally {
      this.#sentOf(number).resolve();
    }
  }

  async #after(number: number): Promise<void> {
    await Promise.race([this.#sentOf(number).promise, turns(patience), this.death]);
  }

  /** Waits until all calls that are under way wait as this one does. */
  async #stillness(): Promise<void> {
    for (let still = 0, calls = this.#calls; still < patience && this.#isAlive; still++) {
      await turns(1);
      if (this.#calls !== calls) still = 0;
      calls = this.#calls;
    }
  }

  #sentOf(number: number): PromiseWithResolvers {
    const known = this.#sent.get(number) ?? withResolvers();
    this.#sent.set(number, known);
    return known;
  }

  #hold(method: string, answer: unknown): unknown {
    const name = this.options.held?.[method];
    if (name === undefined) return answer;
    const letGo = () => this.#letGo(method, answer);
    if (!this.#isAlive) {
      this.#later(letGo());
      return answer;
    }
    this.#held.add(letGo);
    const held = answer as Record<string, () => Promise<unknown>>;
    return new Proxy(held, {
      get: (_, key) => {
        const value = Reflect.get(held, key);
        if (key !== name) return typeof value === 'function' ? value.bind(held) : value;
        return () =>
          this.#call(name, [], async () => {
            const done = await held[name]?.();
            this.#held.delete(letGo);
            return done;
          });
      },
    });
  }

  async #letGo(method: string, answer: unknown): Promise<void> {
    const name = this.options.held?.[method];
    if (name !== undefined) await (answer as Record<string, () => Promise<unknown>>)[name]?.();
  }
}

/** The trouble's own failure. */
export class LostCall extends Error {
  override readonly name = 'LostCall';
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}… (${text.length})`;
}
