import type { StartOptions } from 'orchestrator/distributed';
import type { Flow } from 'orchestrator/flow';
import type { Dice } from './random.js';

/** What is done to a run while it is under way. */
type Story =
  | 'nothing'
  | 'cancelled'
  | 'paused'
  | 'signalled'
  | 'timed out'
  | 'delayed'
  | 'its id used again'
  | 'not kept'
  | 'cancelled and retried';

const stories: Readonly<Record<Story, number>> = {
  nothing: 40,
  cancelled: 10,
  paused: 10,
  signalled: 10,
  'timed out': 5,
  delayed: 7,
  'its id used again': 8,
  'not kept': 5,
  'cancelled and retried': 5,
};

export interface PlannedRun {
  readonly runId: string;
  readonly story: Story;
  readonly workflow: string;
  readonly version: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly options: Pick<StartOptions, 'delay' | 'timeout' | 'retention' | 'priority'>;
  /** What is signalled, for a workflow that waits for it. */
  readonly payload: unknown;
  /** Milliseconds before the story goes on, one after the other. */
  readonly pauses: readonly number[];
}

/** The next run: all that is decided of it follows from the dice. */
export function planRun(dice: Dice, flows: readonly Flow[], runId: string): PlannedRun {
  const story = dice.weighted(stories);
  const blueprint = flowOf(story, dice, flows).toBlueprint();
  const ms = dice.one([0, 0, 20, 100, 600]);
  const context = { count: 0, life: 1, ms, ...contextOf(blueprint.id, story, dice) };
  return {
    runId,
    story,
    workflow: blueprint.id,
    version: String(blueprint.version),
    context,
    options: {
      ...(story === 'timed out' ? { timeout: dice.within(1_000, 4_000) } : {}),
      ...(story === 'delayed' ? { delay: dice.within(300, 4_000) } : {}),
      ...(story === 'not kept' ? { retention: 1_000 } : {}),
      // Far away, also for a clock that is an hour off.
      ...(story === 'nothing' && dice.happens(0.2) ? { timeout: 1_200_000 } : {}),
      ...(dice.happens(0.1) ? { priority: dice.within(1, 5) } : {}),
    },
    payload: { number: dice.within(1, 1_000_000) },
    pauses: Array.from({ length: 4 }, () => dice.within(0, dice.one([10, 300, 1_500]))),
  };
}

function flowOf(story: Story, dice: Dice, flows: readonly Flow[]): Flow {
  const named = (name: string) => flows.find((flow) => flow.toBlueprint().id === name) as Flow;
  if (story === 'signalled') return named('gate');
  if (story === 'timed out') return named('never');
  if (story === 'its id used again' || story === 'cancelled and retried') return named('charge');
  return dice.one(flows.filter((flow) => !['gate', 'never'].includes(flow.toBlueprint().id)));
}

function contextOf(workflow: string, story: Story, dice: Dice): Readonly<Record<string, unknown>> {
  if (workflow === 'items') {
    const items = Array.from({ length: dice.within(0, 12) }, () => dice.within(1, 100));
    return { items: dice.happens(0.2) ? [...items, -1] : items };
  }
  if (workflow === 'poisoned' || workflow === 'guarded') return dice.happens(0.5) ? { broken: 'poison' } : {};
  if (story === 'its id used again') return { ms: dice.within(0, 3_000), block: dice.happens(0.3) ? 3_000 : 0 };
  if (workflow === 'charge' && dice.happens(0.1)) return { block: dice.within(500, 3_000) };
  return {};
}
