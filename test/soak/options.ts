import { parseArgs } from 'node:util';

const kinds = ['redis', 'postgres', 'pglite'] as const;

export type Kind = (typeof kinds)[number];

export interface Options {
  readonly minutes: number;
  readonly engines: readonly Kind[];
  readonly seed: number;
  readonly runsPerSecond: number;
  readonly roundSeconds: number;
  readonly inTurn: boolean;
  /** The share of calls of troubled engines that go wrong. */
  readonly trouble: number;
  readonly rightClocks: boolean;
  readonly verbose: boolean;
}

export const usage = `npm run soak -- [options]

  --minutes N          how long, for each engine (default: 30); the last round is checked beyond that
  --engines a,b        redis, postgres, pglite (default: all)
  --in-turn            one engine after the other, so that it takes N minutes each (default: side by side, N minutes in all)
  --seed N             decides what happens, not when exactly (default: random, and printed)
  --runs-per-second N  started on each engine (default: 4)
  --round N            seconds of trouble before all is healed and checked (default: 60)
  --trouble SHARE      of the calls of one worker's engine go wrong by themselves, from 0 to 1 (default: 0.01)
  --right-clocks       all clocks are right
  --verbose            says what is done, as it is done
`;

/** Reads the command line. @throws {Error} that says what is wrong with it */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '30' },
      engines: { type: 'string', default: kinds.join(',') },
      'in-turn': { type: 'boolean', default: false },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      'runs-per-second': { type: 'string', default: '4' },
      round: { type: 'string', default: '60' },
      trouble: { type: 'string', default: '0.01' },
      'right-clocks': { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
    },
  });
  const engines = values.engines.split(',');
  const unknown = engines.find((engine) => !kinds.includes(engine as Kind));
  if (unknown !== undefined) throw new Error(`--engines must be of ${kinds.join(', ')}, got ${unknown}`);
  return {
    minutes: above('--minutes', values.minutes),
    engines: engines as Kind[],
    seed: whole('--seed', values.seed),
    runsPerSecond: above('--runs-per-second', values['runs-per-second']),
    roundSeconds: above('--round', values.round),
    trouble: share('--trouble', values.trouble),
    rightClocks: values['right-clocks'],
    inTurn: values['in-turn'],
    verbose: values.verbose,
  };
}

function above(name: string, text: string): number {
  const number = Number(text);
  if (!(number > 0 && number < Infinity)) throw new Error(`${name} must be a number above 0, got ${text}`);
  return number;
}

function whole(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error(`${name} must be a whole number of at least 0, got ${text}`);
  return number;
}

function share(name: string, text: string): number {
  const number = Number(text);
  if (!(number >= 0 && number <= 1)) throw new Error(`${name} must be a number from 0 to 1, got ${text}`);
  return number;
}
