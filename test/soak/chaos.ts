import { setTimeout as sleep } from 'node:timers/promises';
import { type Crew, lockDuration, type Slot } from './crew.js';
import type { Dice } from './random.js';
import type { Surroundings } from './surroundings.js';
import type { Tally } from './tally.js';

const hour = 3_600_000;

/** What is done to programs. */
const toPrograms = {
  'a kill': 30,
  'a pause': 20,
  'a long pause': 10,
  'a replacement': 10,
  'a step of a clock': 8,
} as const;

/** What is done to the network of one program, or of all of them. */
const toNetworks = {
  'a cut': 15,
  'a stall': 10,
  'half-open lines': 12,
  'lost answers': 15,
  'a cut of all': 6,
  'a stall of all': 5,
} as const;

/** Troubles programs and networks until it is aborted. All that was begun is ended then. */
export async function trouble(
  crew: Crew,
  surroundings: Surroundings,
  dice: (of: string) => Dice,
  scene: Scene,
): Promise<void> {
  const loops = [over(scene, dice('programs'), (one) => troubleProgram(crew, one, scene))];
  if (surroundings.port !== undefined) {
    loops.push(over(scene, dice('networks'), (one) => troubleNetwork(crew, one, scene)));
    loops.push(over(scene, dice('server'), (one) => troubleServer(surroundings, one, scene), 3));
  }
  await Promise.all(loops);
}

export interface Scene {
  readonly signal: AbortSignal;
  readonly tally: Tally;
  readonly log: (line: string) => void;
}

async function over({ signal }: Scene, dice: Dice, act: (dice: Dice) => Promise<void>, rarely = 1): Promise<void> {
  while (!signal.aborted) {
    await sleep(rarely * dice.within(300, 3_000), undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await act(dice);
  }
}

async function troubleProgram(crew: Crew, dice: Dice, { tally, log }: Scene): Promise<void> {
  const what = dice.weighted(toPrograms);
  const slot = dice.one(what === 'a step of a clock' ? crew.slots.filter(({ clock }) => clock) : crew.slots);
  if (slot === undefined) return;
  log(`${what} of the ${slot.plan.roles.join(' and ')} (clock: ${slot.plan.clock})`);
  switch (what) {
    case 'a kill':
      tally.count('kills');
      return await slot.kill();
    case 'a replacement':
      tally.count('replacements');
      return await slot.replace();
    case 'a pause':
    case 'a long pause':
      tally.count('pauses');
      return await slot.pause(
        what === 'a pause' ? dice.within(50, lockDuration) : dice.within(lockDuration, 4 * lockDuration),
      );
    case 'a step of a clock':
      tally.count('steps of clocks');
      await slot.clock?.set(dice.one([hour, -hour]));
      await sleep(dice.within(1_000, 5_000));
      await slot.clock?.set(0);
  }
}

async function troubleNetwork(crew: Crew, dice: Dice, { tally, log }: Scene): Promise<void> {
  const what = dice.weighted(toNetworks);
  const slots = what.endsWith('of all') ? crew.slots : [dice.one(crew.slots)];
  const milliseconds = dice.within(100, dice.one([500, 2_000, 6_000]));
  log(`${what}, for ${milliseconds} ms, of ${slots.map(({ plan }) => plan.roles).join(', ')}`);
  const each = (act: (slot: Slot) => unknown) => Promise.all(slots.map(act));
  switch (what) {
    case 'half-open lines':
      tally.count('half-open lines');
      await each(({ proxy }) => proxy?.forget());
      return;
    case 'lost answers':
      tally.count('lost answers');
      // An answer that does not come is lost at the next turn.
      await each(({ proxy }) => Promise.race([proxy?.loseAnswer(), sleep(1_000)]));
      return;
    case 'a cut':
    case 'a cut of all':
      tally.count('cuts');
      await each(({ proxy }) => proxy?.cut());
      break;
    default:
      tally.count('stalls');
      await each(({ proxy }) => proxy?.stall());
  }
  await sleep(milliseconds);
  await each(({ proxy }) => proxy?.heal());
}

async function troubleServer({ troubles }: Surroundings, dice: Dice, { tally, log }: Scene): Promise<void> {
  const names = Object.keys(troubles);
  const what = dice.one(names);
  log(`${what} of the server`);
  tally.count(what.startsWith('refused') ? 'refused writes' : what === 'killed connections' ? what : 'outages');
  await troubles[what]?.(dice);
}
