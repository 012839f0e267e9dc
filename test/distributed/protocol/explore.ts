import type { Choice, Setting } from './world.js';
import { World } from './world.js';

/** What was explored. */
export interface Explored {
  /** Moments that differ. */
  readonly moments: number;
  /** Steps from one moment to another. */
  readonly steps: number;
  /** Ways from the beginning to an end: all interleavings of the steps. */
  readonly schedules: number;
  readonly ends: number;
  /** How the runs have ended, and how often. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Whether there was more than was looked at. */
  readonly isCutShort: boolean;
}

export interface Exploration extends Setting {
  readonly input?: unknown;
  /** Moments to look at, at most. */
  readonly most?: number;
  /** Looks at an end: what has come out, as a word; rejects where that must not be. */
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
 * Takes every way through a setting, by beginning anew and repeating the steps up to a choice that was not taken yet. A
 * moment that was seen is not gone on from again: what can follow from it has been, or will be. So every interleaving is
 * covered, while steps that do not concern each other cost the moments that they lead to, not all of their orders.
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

/** Takes one out, from anywhere: where there are too many to take all, those that were taken are not all alike. */
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

/** In how many ways one gets from the first moment to an end. */
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
