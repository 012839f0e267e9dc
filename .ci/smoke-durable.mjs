// Checks durable runs of the installed package: a script that is killed and started again, on the journals that the
// runtime has. Run on every supported version of Node, and on Bun and Deno. Arguments: names of journals.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Orchestrator } from 'orchestrator';
import {
  DurableFunction,
  fileJournal,
  idempotencyKey,
  LockedError,
  memoryJournal,
  sleep,
  sqlJournal,
  step,
  waitFor,
} from 'orchestrator/durable';
import { explore } from 'orchestrator/durable/testing';

const [mode, ...args] = process.argv.slice(2);
const orchestrator = new Orchestrator();

/** Journals by name, each in a directory. */
const journals = {
  memory: async () => memoryJournal(),
  file: async (directory) => fileJournal(join(directory, 'runs')),
  sql: async (directory) => {
    const { PGlite } = await import('@electric-sql/pglite');
    const database = await PGlite.create(join(directory, 'database'));
    const journal = sqlJournal(database, { lease: 1_000 });
    const close = journal.close.bind(journal);
    return Object.assign(journal, { close: () => close().then(() => database.close()) });
  },
};

if (mode === 'life') await live(...args);
else for (const name of [mode, ...args]) await check(name);

/** A life of the script: notes each execution in a file, and waits for a signal half-way. */
async function live(name, directory) {
  const journal = await journals[name](directory);
  const note = (text) => appendFile(join(directory, 'calls'), `${text}\n`);
  const add = orchestrator.action('add', async (number) => {
    await note(`${number} ${idempotencyKey()}`);
    return number + 1;
  });
  const result = await orchestrator.run(
    async () => {
      const numbers = await orchestrator.map([1, 2, 3, 4, 5], add, { concurrency: 2 });
      await sleep(1);
      console.log('waits');
      const { by } = await waitFor('approved', { timeout: 60_000 });
      return { by, numbers, last: await add(6) };
    },
    { id: 'smoke', journal },
  );
  await journal.close();
  console.log(JSON.stringify(result));
}

async function check(name) {
  const directory = await mkdtemp(join(tmpdir(), 'smoke-durable-'));
  const journal = name === 'memory' ? await journals.memory() : undefined;
  if (journal === undefined) await killAndContinue(name, directory);
  await inProcess(journal ?? (await journals[name](directory)));
  await rm(directory, { recursive: true, force: true });
  const { bun, deno, node } = process.versions;
  console.log(`smoke: durable runs, ${name}, ${bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${node}`}`);
}

/** Kills the script while it waits, and starts it again. */
async function killAndContinue(name, directory) {
  const killed = begin(name, directory);
  await killed.line('waits');
  killed.child.kill('SIGKILL');
  await killed.ended;
  const journal = await journals[name](directory);
  const run = await journal.get('smoke');
  assert.deepEqual([run.status, run.lives], ['running', 1]);
  await journal.signal('smoke', 'approved', { by: 'eve' });
  await journal.close();
  if (name === 'sql') await pause(1_500);
  const continued = begin(name, directory);
  await continued.ended;
  assert.deepEqual(JSON.parse(continued.lines.at(-1)), { by: 'eve', numbers: [2, 3, 4, 5, 6], last: 7 });
  const calls = (await readFile(join(directory, 'calls'), 'utf8')).trim().split('\n');
  assert.deepEqual(calls.map((line) => Number.parseInt(line, 10)).sort(), [1, 2, 3, 4, 5, 6]);
  assert.equal(new Set(calls.map((line) => line.split(' ')[1])).size, 6);
}

function begin(name, directory) {
  const run = process.versions.deno ? ['run', '--allow-all'] : [];
  const child = spawn(process.execPath, [...run, fileURLToPath(import.meta.url), 'life', name, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = [];
  let seen = () => {};
  child.stdout.on('data', (data) => {
    lines.push(...String(data).trim().split('\n'));
    seen();
  });
  const ended = once(child, 'close');
  return {
    child,
    lines,
    ended,
    async line(text) {
      while (!lines.includes(text)) {
        await Promise.race([new Promise((resolve) => (seen = resolve)), ended]);
        assert.equal(child.exitCode, null, `the script has ended without "${text}"`);
      }
    },
  };
}

async function inProcess(journal) {
  let calls = 0;
  const flaky = orchestrator.action('flaky', async () => {
    if (++calls < 2) throw new RangeError('not yet');
    return calls;
  });
  const double = orchestrator.action('double', (number) => number * 2);
  const order = new DurableFunction(
    'order',
    async (input) => [input, await flaky(), typeof (await step('at', Date.now))],
    {
      orchestrator,
    },
  );
  await assert.rejects(order.run('tea', { id: 'a', journal }), RangeError);
  assert.deepEqual(await order.run('milk', { id: 'a', journal }), ['tea', 2, 'number']);
  assert.deepEqual(await order.run('milk', { id: 'a', journal }), ['tea', 2, 'number']);
  const slow = new DurableFunction('slow', () => waitFor('go', { timeout: 60_000 }), { orchestrator });
  const { id, result } = await slow.start(undefined, { id: 'b', journal });
  await assert.rejects(slow.run(undefined, { id, journal }), LockedError);
  await journal.signal(id, 'go', new Map([[1, 2n]]));
  assert.deepEqual(await result, new Map([[1, 2n]]));
  assert.deepEqual(
    (await journal.list()).map(({ id, status }) => `${id} ${status}`).filter((text) => !text.startsWith('smoke')),
    ['a completed', 'b completed'],
  );
  assert.equal(await journal.delete('a'), true);
  await journal.close();
  const { deaths } = await explore(async () => [await double(1), await double(2)]);
  assert.ok(deaths > 4);
}
