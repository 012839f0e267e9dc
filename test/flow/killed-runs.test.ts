import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileCheckpointStore } from 'orchestrator/flow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiled } from '../programs/compiled.js';
import { marksIn, runId } from './scene.js';
import { everything } from './troubled-scenes.js';

/*
 * The program of a saved run is killed (SIGKILL) at each of its writes in turn, and another program continues the run.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
let directory: string;
const program = compiled(new URL('fixtures/killed.ts', import.meta.url));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'killed-runs-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

interface Life {
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs one program until it ends or dies. */
async function live(...args: readonly (string | number)[]): Promise<Life> {
  const child = spawn(process.execPath, [program, ...args.map(String)], { cwd: root });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.on('error', reject).on('close', (_code, by) => resolve(by));
  });
  return { signal, output: output.stdout, errors: output.stderr };
}

const linesOf = async (path: string) => (await readFile(path, 'utf8')).split('\n').slice(0, -1);

/** Runs a scene whose program is killed at the given point, and continues the run until it ends. */
async function run(name: string, place: string, point: string, at: number) {
  const log = `${place}.log`;
  await writeFile(log, '');
  const first = await live(place, log, name, point, at);
  if (at > 0) expect(first.signal, first.errors).toBe('SIGKILL');
  const before = await linesOf(log);
  const checkpoint = await new FileCheckpointStore(place).load(runId);
  const saved = marksIn([checkpoint?.snapshot ?? '', ...(checkpoint?.entries ?? [])].join());
  const last = at > 0 ? await live(place, log, name, 'nowhere', 0) : first;
  expect(last.signal, last.errors).toBeNull();
  const executions = await linesOf(log);
  const mayRepeat = everything[name as keyof typeof everything].fails ?? (() => false);
  const again = executions.slice(before.length).filter((mark) => saved.has(mark) && !mayRepeat(mark));
  expect({ point, at, again: at > 0 ? again : [] }).toEqual({ point, at, again: [] });
  return { ...(JSON.parse(last.output) as { writes: number; picture: unknown }), executions: new Set(executions) };
}

describe.each(Object.keys(everything))('the program of %s', (name) => {
  it('may be killed at any write', { timeout: 900_000 }, async () => {
    const place = (suffix: string | number) =>
      join(directory, `${Object.keys(everything).indexOf(name as never)}-${suffix}`);
    const whole = await run(name, place('whole'), 'nowhere', 0);
    const all = Array.from({ length: whole.writes }, (_, index) => index + 1);
    const points = all.flatMap((at) => (['before', 'during', 'after'] as const).map((point) => [point, at] as const));
    // Each test run kills at a fifth of the writes; with SAVED_RUNS, at all of them.
    const chosen = process.env.SAVED_RUNS === undefined ? points.filter((_, index) => index % 5 === 2) : points;
    const queue = chosen.values();
    const work = async () => {
      for (const [point, at] of queue) {
        const { picture, executions } = await run(name, place(`${point}-${at}`), point, at);
        expect({ point, at, picture, executions }).toEqual({
          point,
          at,
          picture: whole.picture,
          executions: whole.executions,
        });
      }
    };
    await Promise.all([work(), work(), work()]);
  });
});
