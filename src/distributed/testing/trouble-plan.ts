/** How a call goes wrong. */
export type Trouble = (typeof troubles)[number];

/** What may go wrong with a call. */
export const troubles = [
  /** The target never hears of the call, and the caller is told that it failed. */
  'fails',
  /** The target does it, and the caller is told that it failed. */
  'loses its answer',
  /** The target never hears of the call, and the caller is told so after a while. */
  'times out',
  /** The caller is told that it failed; the target hears of it after the next call. */
  'is heard too late',
  /** The target hears of the call once nothing else moves, or a hundred calls later. */
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

/** Those that a program outlives. */
export const survivable = troubles.filter((trouble) => !trouble.startsWith('dies'));

/** Which call goes wrong, and how. */
export interface Plan {
  /**
   * @param call - number of the call in its program, from 1
   * @param nth - number of the call among those of its method, from 1
   */
  (call: number, method: string, nth: number): Trouble | undefined;
  /** The plan as source text, to repeat it. */
  readonly text: string;
}

/** Nothing goes wrong. */
export const calm: Plan = planOf({});

/** The trouble of each call, by the call's number. */
export function planOf(by: Readonly<Record<number, Trouble>>): Plan {
  return Object.assign((call: number) => by[call], { text: `planOf(${JSON.stringify(by)})` });
}

/**
 * Trouble in about the given share of calls. The nth call of a method suffers the same for the same seed, whatever other
 * calls come between.
 *
 * @param seed - a whole number
 * @param share - from 0 to 1
 * @param kinds - which troubles. Default: all
 */
export function planFrom(seed: number, share: number, kinds: readonly Trouble[] = troubles): Plan {
  const plan = (_call: number, method: string, nth: number) => {
    const random = randomFrom(Math.imul(seed, 7919) + hashOf(method) + Math.imul(nth, 104_729));
    return random() < share ? kinds[Math.floor(random() * kinds.length)] : undefined;
  };
  return Object.assign(plan, { text: `planFrom(${seed}, ${share}, ${JSON.stringify(kinds)})` });
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
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
