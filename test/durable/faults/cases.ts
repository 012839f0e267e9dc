import { appendFileSync, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';
import { again, idempotencyKey, patched, sleep, step, waitFor } from 'orchestrator/durable';

/*
 * The functions of durable scopes, by name. An effect is a line in the file `effects`: what was done, and the
 * idempotency key of the task.
 */

const [directory = ''] = process.argv.slice(2);
const log = `${directory}/effects`;
const random = () => wait(Math.random() * 4);
const letters = ['a', 'b', 'c', 'd', 'e', 'f'];
const large = 20_000;

export const orchestrator = new Orchestrator({ state: { round: 0 } });

function note(effect: string): void {
  appendFileSync(log, `${effect}\n`);
}

/** Has an effect, takes a while, and returns what it was given. */
const work = orchestrator.action('work', async (item: string | number) => {
  note(`${item} ${idempotencyKey()}`);
  await random();
  return `${item}!`;
});

const fail = orchestrator.action('fail', async (item: string) => {
  note(`${item} ${idempotencyKey()}`);
  await random();
  throw new RangeError(`no ${item}`);
});

/** Like `work`, but fails until the file `up` exists. */
const failWhileDown = orchestrator.action('failWhileDown', async (item: string) => {
  const done = await work(item);
  if (!existsSync(`${directory}/up`)) throw new RangeError(`no ${item}`);
  return done;
});

/** Like `work`, but ends when the file `go` exists. The result is large, so that its record needs room on the disk. */
const hold = orchestrator.action('hold', async (item: string) => {
  note(`${item} ${idempotencyKey()}`);
  const { signal } = orchestrator;
  while (!existsSync(`${directory}/go`)) await wait(5, undefined, { signal });
  return `${item}!`.padEnd(large);
});

const big = orchestrator.action('big', async (item: string) => {
  note(`${item} ${idempotencyKey()}`);
  return `${item}!`.padEnd(large);
});

const small = orchestrator.action('small', async (index: number) => {
  note(`${index} ${idempotencyKey()}`);
  return index * 2;
});

const nextRound = orchestrator.action('nextRound', async () => {
  const round = orchestrator.getState().round + 1;
  orchestrator.setState('round', round);
  return round;
});

const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);
const numbers = (length: number) => Array.from({ length }, (_, index) => index);

async function inTurn(items: readonly string[]): Promise<string[]> {
  const done: string[] = [];
  for (const item of items) done.push(await work(item));
  return done;
}

export const cases: Record<string, () => Promise<unknown>> = {
  map: () => orchestrator.map(numbers(1_000), work, { concurrency: 20 }),

  all: () =>
    Promise.all(
      letters.map(async (branch) => {
        const first = await work(branch);
        return work(first);
      }),
    ),

  'all with raw work between': () =>
    Promise.all(
      letters.map(async (branch) => {
        const first = await work(branch);
        await random();
        await readFile(log);
        return work(`${first} after ${branch}`);
      }),
    ),

  race: async () => {
    const winner = await Promise.race(['a', 'b', 'c'].map((each) => work(each)));
    await step('winner', () => note(`winner ${winner}`));
    return winner === (await work(winner)).slice(0, 2) ? 'same' : 'other';
  },

  order: async () => {
    const order: string[] = [];
    await Promise.all(['a', 'b', 'c', 'd'].map(async (each) => order.push(await work(each))));
    for (const each of order) await work(`after ${each}`);
    await step('order', () => note(`order ${order.join('')}`));
    return order.toSorted();
  },

  caught: async () => {
    const caught: string[] = [];
    for (const each of ['a', 'b', 'c']) {
      try {
        await fail(each);
      } catch (error) {
        caught.push(`${(error as Error).constructor.name} ${(error as Error).message}`);
        await work(`instead of ${each}`);
      }
    }
    return caught;
  },

  uncaught: async () => {
    const before = await work('before');
    const all = await orchestrator.map(['a', 'b', 'c'], (each) => (each === 'b' ? failWhileDown(each) : work(each)), {
      settle: true,
    });
    const failures = all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    try {
      if (failures.length > 0) throw new Error('some are missing', { cause: new AggregateError(failures) });
    } catch (error) {
      await work('undo');
      throw error;
    }
    return [before, await failWhileDown('last')];
  },

  'fail fast': async () => {
    const slow = orchestrator.action('slow', async () => {
      note('slow');
      await wait(60_000, undefined, { signal: orchestrator.signal });
    });
    const group = orchestrator.parallel([() => fail('first'), slow], { failFast: true });
    const error = (await group().catch((reason: unknown) => reason)) as Error;
    return [error.message, await work('after')];
  },

  aborted: async () => {
    await work('before');
    try {
      const [held, inner, approved] = await orchestrator.parallel([
        () => hold('held'),
        () =>
          orchestrator.run(async () => [await work('inner'), (await hold('held inside')).trim()], { name: 'inner' }),
        () => waitFor('approved'),
        () => orchestrator.map(['x', 'y'], hold, { concurrency: 1, timeout: 600_000 }),
        () => sleep(1),
      ])();
      return [held.trim(), inner, approved, await work('after')];
    } catch {
      await work('cleanup').catch(() => {});
      return 'swallowed';
    }
  },

  sleep: async () => {
    await work('before');
    await sleep(700);
    return work('after');
  },

  dues: async () => {
    await work('before');
    const late = (error: Error) => error.name;
    const all = await orchestrator.parallel([
      () => sleep(2_000),
      () => waitFor('never', { timeout: 1_000 }).catch(late),
      () => orchestrator.map(['held'], hold, { timeout: 1_500 }).catch(late),
      () => orchestrator.run(() => sleep(3_600_000), { name: 'inner', timeout: 1_800 }).catch(late),
    ])();
    note(`awake ${Date.now()}`);
    return [all.slice(1), await work('after')];
  },

  wait: async () => {
    await work('before');
    const value = await waitFor<{ by: string }>('approved', { timeout: 60_000 });
    return [value, await work(`after ${value.by}`)];
  },

  'held, then wait': async () => {
    await hold('held');
    const value = await waitFor<{ by: string }>('approved');
    return [value, await work(`after ${value.by}`)];
  },

  many: () =>
    orchestrator
      .map(
        numbers(Number(process.env.MANY)),
        orchestrator.action('double', async (index: number) => index * 2),
        { concurrency: 1_000 },
      )
      .then(sum),

  'nested, to be compacted': async () => {
    const inner = await orchestrator.run(() => orchestrator.map(numbers(1_100), small).then(sum), { name: 'inner' });
    return [inner, await work('before'), await work('after')];
  },

  again: async () => {
    const round = await nextRound();
    const by = await waitFor('go on');
    await work(`${round} ${by}`);
    return round < 3 ? again() : `${round} ${by}`;
  },

  disk: async () => {
    const before = [await big('a'), await big('b')];
    let held = '';
    try {
      held = await hold('held');
    } catch (error) {
      note(`caught ${(error as Error).name}`);
      await work('swallowed').catch(() => {});
      await orchestrator.run(() => work('nested')).catch(() => {});
      await orchestrator
        .parallel([() => work('in a group')])()
        .catch(() => {});
      return 'swallowed';
    }
    return [...before, held, await big('c')].map((each) => each.trim());
  },

  steps: () => inTurn(['a', 'b', 'c', 'd']),
  'steps: inserted': () => inTurn(['a', 'new', 'b', 'c', 'd']),
  'steps: removed': () => inTurn(['a', 'c', 'd']),
  'steps: removed at the end': () => inTurn(['a', 'b']),
  'steps: other arguments': () => inTurn(['a', 'B', 'c', 'd']),
  'steps: other order': () => inTurn(['b', 'a', 'new', 'c', 'd']),
  'steps: in a map': () => orchestrator.map(['a', 'b', 'c', 'd'], work),
  'steps: in a nested run': () => orchestrator.run(() => inTurn(['a', 'b', 'c', 'd']), { name: 'nested' }),
  'steps: other action': async () => [await small(1), ...(await inTurn(['b', 'c', 'd']))],
  'steps: sleeps before': async () => {
    await sleep(1);
    return inTurn(['a', 'b', 'c', 'd']);
  },
  'steps: patched': async () => {
    const a = await work('a');
    if (await patched('new')) await work('new');
    return [a, ...(await inTurn(['b', 'c', 'd']))];
  },
};
