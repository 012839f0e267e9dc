// Makes life hard for fleets on real servers by the clock, checks what comes of it, and prints a table. It ends with 1 if
// anything was found. Each engine has a program of its own, so that none disturbs the others' clockwork.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { findPostgres } from '../needs/postgres.js';
import { pathOf } from '../needs/programs.js';
import { bundleProgram } from './bundle.js';
import { onRedis } from './on-redis.js';
import { onPGlite, onPostgres } from './on-sql.js';
import { type Kind, type Options, readOptions, usage } from './options.js';
import { soak } from './soak.js';
import type { Surroundings } from './surroundings.js';
import { tableOf } from './table.js';
import { Tally } from './tally.js';

/** What the program of an engine sends when it is through. */
interface Outcome {
  readonly counts: readonly (readonly [string, number])[];
  readonly warnings: readonly (readonly [string, number])[];
  readonly findings: readonly string[];
  readonly slowestRecovery: number;
}

const prefix = 'soak';
const print = (line: string) => void process.stdout.write(`${line}\n`);

if (process.env.SOAK_ENGINE === undefined) process.exitCode = await all(process.argv.slice(2));
else await one(JSON.parse(process.env.SOAK_ENGINE));

async function all(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    print(usage);
    return 0;
  }
  const options = readOptions(args);
  const { minutes, engines, seed, inTurn } = options;
  print(
    `${minutes} minutes on ${engines.join(', ')}, ${inTurn ? 'one after the other' : 'side by side'}; --seed ${seed}`,
  );
  if (!options.rightClocks && pathOf('faketime') === undefined)
    print('all clocks are right: faketime is not installed');
  const module = await bundleProgram();
  const outcomes: Outcome[] = [];
  try {
    if (inTurn) for (const kind of engines) outcomes.push(await inOwnProgram({ kind, options, module }));
    else outcomes.push(...(await Promise.all(engines.map((kind) => inOwnProgram({ kind, options, module })))));
  } finally {
    await rm(module, { force: true });
  }
  const columns = outcomes.map(({ counts, ...rest }, index) => {
    return [engines[index] as Kind, { ...rest, counts: new Map(counts) }] as const;
  });
  print(`\n${tableOf(columns)}`);
  for (const [index, { warnings, findings }] of outcomes.entries()) {
    print(`\n${engines[index]}`);
    for (const [warning, count] of warnings.slice(0, 12)) print(`  ${count} warnings: ${warning}`);
    for (const finding of findings) print(`  FINDING: ${finding}`);
  }
  const found = outcomes.reduce((sum, { findings }) => sum + findings.length, 0);
  print(found === 0 ? '\nnothing was found' : `\n${found} findings; again with --seed ${seed}`);
  return found === 0 ? 0 : 1;
}

interface OwnProgram {
  readonly kind: Kind;
  readonly options: Options;
  readonly module: string;
}

async function inOwnProgram(program: OwnProgram): Promise<Outcome> {
  const child = fork(fileURLToPath(import.meta.url), {
    env: { ...process.env, SOAK_ENGINE: JSON.stringify(program) },
    execArgv: ['--import', 'tsx'],
  });
  let outcome: Outcome | undefined;
  child.on('message', (message: Outcome) => {
    outcome = message;
  });
  const [code, signal] = await once(child, 'exit');
  const broken = {
    counts: [],
    warnings: [],
    findings: [`the soak itself has ended with ${signal ?? code}`],
    slowestRecovery: 0,
  };
  return outcome ?? broken;
}

/** Soaks one engine. */
async function one({ kind, options, module }: OwnProgram): Promise<void> {
  const started = performance.now();
  const say = (line: string) =>
    print(`${((performance.now() - started) / 1_000).toFixed(1).padStart(7)} ${kind.padEnd(8)} ${line}`);
  const tally = new Tally(say);
  const hasFaketime = !options.rightClocks && pathOf('faketime') !== undefined;
  const { remove, ...surroundings } = await start(kind);
  try {
    await soak(surroundings, { ...options, prefix, module, hasFaketime, log: options.verbose ? say : () => {} }, tally);
  } catch (error) {
    tally.find(`the soak itself has failed: ${error instanceof Error ? error.stack : error}`);
  } finally {
    await surroundings.stop();
    await remove?.();
  }
  const warnings = [...tally.warnings].sort(([, one], [, other]) => other - one);
  const { counts, findings, slowestRecovery } = tally;
  const outcome: Outcome = { counts: [...counts], warnings, findings, slowestRecovery };
  process.send?.(outcome, () => process.exit(0));
}

async function start(kind: Kind): Promise<Surroundings & { readonly remove?: () => Promise<void> }> {
  if (kind === 'pglite') return onPGlite(prefix);
  if (kind === 'redis') return onRedis(prefix, { tls: pathOf('redis-tls') !== undefined });
  const { programs, remove } = await findPostgres();
  return { ...(await onPostgres(prefix, programs)), remove };
}
