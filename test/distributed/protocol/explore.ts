import type { Choice, Setting } from './world.js';
import { World } from './world.js';

/** The result of an exploration. */
export interface Explored {
  /** Number of different moments. */
  readonly moments: number;
  /** Number of steps from one moment to another. */
  readonly steps: number;
  /** Number of ways from the beginning to an end: all interleavings of the steps. */
  readonly schedules: number;
  readonly ends: number;
  /** The statuses of the ended runs, with their numbers. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** If true, the limit was reached before all moments were visited. */
  readonly isCutShort: boolean;
}

export interface Exploration extends Setting {
  readonly input?: unknown;
  /** Maximum number of moments to visit. */
  readonly most?: number;
  /** Checks an end and returns the outcome as a word. Rejects if the outcome is wrong. */
  check(world: World): Promise<string>;
}

/** The way to a moment: the numbers of the choices, the last one first. */
interface Way {
  readonly before: Way | undefined;
  readonly choice: number;
  readonly label: string;
  readonly from: number;
}

/**
 * Takes every way through a setting. Each time, it starts anew and repeats the steps up to a choice that was not taken
 * yet. A moment that was visited before is not continued from again, since everything that can follow was or will be
 * visited. So every interleaving is covered, while independent steps cost only the moments that they lead to, not all
 * of their orders.
 */
export async function explore(setting: Exploration): Promise<Explored> {
  const { most = Infinity } = setting;
  const seen = new Map<string, number>();
  const following: number[][] = [];
  const outcomes: Record<string, number> = {};
  const ways: (Way | undefined)[] = [undefined];
  let [steps, ends] = [0, 0];
  while (ways.length > 0 && seen.size < most) {
    let way = anyOf(ways, steps);
    const world = await worldAt(setting, way);
    for (;;) {
      const key = world.key();
      const known = seen.get(key);
      const moment = known ?? seen.size;
      if (way !== undefined) {
        following[way.from]?.push(moment);
        steps++;
      }
      if (known !== undefined) break;
      seen.set(key, moment);
      following.push([]);
      const choices = world.choices();
      if (choices.length === 0) {
        ends++;
        const outcome = await checked(setting, world);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        break;
      }
      if (world.trace.length > 300) throw failed(world, new Error('it does not end'));
      const before = way;
      const on = choices.map(({ label }, choice): Way => ({ before, choice, label, from: moment }));
      ways.push(...on.slice(1).reverse());
      way = on[0] as Way;
      await world.take(choices[0] as Choice);
    }
    await world.end();
  }
  const isCutShort = ways.length > 0;
  return { moments: seen.size, steps, schedules: countWays(following), ends, outcomes, isCutShort };
}

/** Removes a value from any place, so that an exploration that is cut short does not visit only similar ways. */
function anyOf<Value>(values: Value[], salt: number): Value | undefined {
  const at = (Math.imul(salt + 1, 2_654_435_761) >>> 0) % values.length;
  const value = values[at];
  const last = values.pop() as Value;
  if (at < values.length) values[at] = last;
  return value;
}

async function worldAt(setting: Exploration, way: Way | undefined): Promise<World> {
  const labels: Way[] = [];
  for (let at = way; at !== undefined; at = at.before) labels.push(at);
  const world = new World(setting);
  await world.begin(setting.input);
  for (const { choice, label } of labels.reverse()) {
    const next = world.choices()[choice];
    if (next?.label !== label) throw failed(world, new Error(`not the same again: "${next?.label}", not "${label}"`));
    await world.take(next);
  }
  return world;
}

async function checked({ check }: Exploration, world: World): Promise<string> {
  try {
    return await check(world);
  } catch (error) {
    throw failed(world, error);
  }
}

function failed(world: World, cause: unknown): Error {
  const entries = world.run.entries.map(({ seq, text }) => `  ${seq} ${text.slice(0, 300)}`);
  const schedule = world.trace.map((label) => `  ${label}`);
  const message = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${message}\nschedule:\n${schedule.join('\n')}\njournal:\n${entries.join('\n')}`, { cause });
}

/** Counts the ways from the first moment to an end. */
function countWays(following: readonly (readonly number[])[]): number {
  const counts = new Map<number, number>();
  const stack = [0];
  while (stack.length > 0) {
    const moment = stack.at(-1) as number;
    const next = following[moment] ?? [];
    const open = next.filter((one) => !counts.has(one));
    if (open.length > 0) {
      stack.push(...open);
      continue;
    }
    stack.pop();
    counts.set(moment, next.length === 0 ? 1 : next.reduce((sum, one) => sum + (counts.get(one) as number), 0));
  }
  return counts.get(0) ?? 0;
}
