import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { medianOf } from '../median.mjs';
import { bare, programs } from './programs.mjs';

// How long programs take from their start to their end, each in a process of its own. All programs are started once per
// round, so that a busy machine slows down all of them.

const rounds = process.argv.includes('--quick') ? 1 : 21;
const probe = fileURLToPath(new URL('cpu-time.cjs', import.meta.url));
/** Ratio to a bare node that a start without work should keep. */
const target = { atMost: 2 };
const withTarget = /--version|--help|^completion/;

const starts = Object.entries(programs).flatMap(([group, named]) =>
  Object.entries(named).map(([name, args]) => ({ group, name, args, wall: [], cpu: [] })),
);
for (let round = 0; round < rounds; round++) for (const start of starts) measure(start);
process.send([...rowsOf('time', 'wall'), ...rowsOf('CPU time', 'cpu')]);

function measure({ name, args, wall, cpu }) {
  const begun = performance.now();
  const stdio = ['ignore', 'ignore', 'pipe', 'pipe'];
  const { status, output } = spawnSync(process.execPath, ['--require', probe, ...args], { stdio, encoding: 'utf8' });
  const taken = performance.now() - begun;
  if (status !== 0) throw new Error(`${name} ended with code ${status}: ${output[2]}`);
  wall.push(taken * 1e6);
  cpu.push(Number(output[3]) * 1e3);
}

function rowsOf(what, kind) {
  return starts.map(({ group, name, [kind]: taken }) => ({
    group: `${group}: ${what}`,
    name,
    nanoseconds: medianOf(taken),
    ...(name === bare ? {} : { against: bare }),
    ...(withTarget.test(name) ? { target } : {}),
  }));
}
