/**
 * A way in which a call goes wrong: it fails before or after the engine has carried it out, arrives late or twice,
 * hangs, or the program dies during it. `TroubledEngine` applies the troubles of a `Plan`.
 */
export type Trouble = (typeof troubles)[number];

/** All ways in which a call may go wrong. */
export const troubles = [
  /** The target never receives the call, and the call rejects at once. */
  'fails',
  /** The target carries out the call, and the call rejects. */
  'loses its answer',
  /** The target never receives the call, and the call rejects after a while. */
  'times out',
  /** The call rejects at once, and the target receives it after the next call. */
  'is heard too late',
  /** The target receives the call when the program makes no further calls, or a hundred calls later. */
  'hangs',
  /** The target receives the call after the next call. */
  'is overtaken',
  /** The target carries out the call, but the answer arrives after the answer to the next call. */
  'answers late',
  /** The target receives the call again after it has answered. The second answer counts. */
  'is sent twice',
  /** The program dies, and the target never receives the call. */
  'dies before it',
  /** The target carries out the call, and the program dies before the answer arrives. */
  'dies after it',
  /** The program dies, and the target receives the call a moment later, when another program may be at work. */
  'dies during it',
] as const;

/** The troubles that do not kill the program. */
export const survivable = troubles.filter((trouble) => !trouble.startsWith('dies'));

/**
 * A plan of troubles for `TroubledEngine`: a function that returns the trouble of a call, or `undefined` for a call
 * without trouble. `planFrom` makes a random plan from a seed, and `planOf` makes a plan for chosen calls.
 */
export interface Plan {
  /**
   * @param call - the number of the call within its program, from 1
   * @param method - the name of the method, such as `commit` or `queue.enqueue`
   * @param nth - the number of the call among the calls of its method, from 1
   */
  (call: number, method: string, nth: number): Trouble | undefined;
  /** The source text that creates the plan, for repeating a failed test. */
  readonly text: string;
}

/** A plan in which nothing goes wrong. */
export const calm: Plan = planOf({});

/**
 * Creates a plan in which chosen calls go wrong.
 *
 * @param by - troubles by the number of the call in its program, from 1
 *
 * @example
 * const plan = planOf({ 3: 'loses its answer', 7: 'dies after it' });
 */
export function planOf(by: Readonly<Record<number, Trouble>>): Plan {
  return Object.assign((call: number) => by[call], { text: `planOf(${JSON.stringify(by)})` });
}

/**
 * Creates a plan in which a random share of all calls goes wrong. With the same seed, the nth call of a method always
 * has the same trouble, regardless of calls of other methods.
 *
 * @param seed - the seed: a whole number
 * @param share - the share of calls that go wrong, from 0 to 1
 * @param kinds - the troubles to choose from. Default: all
 */
export function planFrom(seed: number, share: number, kinds: readonly Trouble[] = troubles): Plan {
  const plan = (_call: number, method: string, nth: number) => {
    const random = randomFrom(Math.imul(seed, 7919) + hashOf(method) + Math.imul(nth, 104_729));
    return random() < share ? kinds[Math.floor(random() * kinds.length)] : undefined;
  };
  return Object.assign(plan, { text: `planFrom(${seed}, ${share}, ${JSON.stringify(kinds)})` });
}

/** Returns a generator of random numbers from 0 up to 1, which repeats for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function hashOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}
