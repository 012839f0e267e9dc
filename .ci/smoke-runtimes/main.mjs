// The same questions to a web server on each runtime. Arguments: the folder where bun, deno and workerd are installed.
// Starts a Redis server for limits that several programs share.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const [installed] = process.argv.slice(2);
const program = (name) => join(installed, 'node_modules', '.bin', name);
const file = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Limit of each question, in milliseconds. */
const limit = 30_000;

const redis = await startRedis();

await onEach('Node', process.execPath, [file('serve.mjs')]);
await onEach('Bun', program('bun'), [file('serve.mjs')]);
await onEach('Deno', program('deno'), ['run', '--allow-all', file('serve.mjs')]);
await onEach('workerd', program('workerd'), ['serve', file('workerd.capnp'), '--control-fd=1'], {
  servers: 2,
  // `workerd serve` does not abort the signal of a request whose client leaves.
  noticesLeaving: false,
  portIn: (line) => JSON.parse(line).port,
});
redis.kill();

/** Starts a Redis server, and sets the variable `REDIS_URL`. */
async function startRedis() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const child = spawn('redis-server', ['--port', String(port), '--save', ''], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.env.REDIS_URL = `redis://127.0.0.1:${port}`;
  for await (const line of createInterface({ input: child.stdout })) {
    if (/ready to accept connections/i.test(line)) break;
  }
  process.once('exit', () => child.kill());
  return child;
}

/** Starts a program that prints the port of each of its servers, and asks all of them. */
async function onEach(runtime, command, args, { servers = 1, portIn = Number, noticesLeaving = true } = {}) {
  // A group, because npm may install a program that starts the runtime.
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  try {
    for (const port of await portsOf(child, servers, portIn)) {
      const server = `http://127.0.0.1:${port}`;
      await ask(server);
      if (noticesLeaving) await leave(server);
    }
    console.log(`smoke: ${runtime}`);
  } finally {
    const closed = once(child, 'close');
    process.kill(-child.pid, 'SIGKILL');
    await closed;
  }
}

async function portsOf(child, count, portIn) {
  const ports = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (ports.push(portIn(line)) === count) return ports;
  }
  throw new Error(`${child.spawnfile} has ended, expected the ports of ${count} servers: see above`);
}

/** Checks the claims, and that concurrent requests have separate states. */
async function ask(server) {
  assert.equal(await answer(`${server}/claims`), '');
  const users = ['ada', 'grace', 'alan', 'joan', 'edsger', 'barbara'];
  const expected = users.map((user) => `${user} a, ${user} b, ${user} c: 3`);
  assert.deepEqual(await Promise.all(users.map((user) => answer(`${server}/visit?user=${user}`))), expected);
}

/** Checks that the run of a request is aborted when its client leaves. */
async function leave(server) {
  const leaving = new AbortController();
  const left = assert.rejects(fetch(`${server}/hang?user=leaving`, { signal: leaving.signal }));
  assert.equal(await answer(`${server}/visit?user=staying`), 'staying a, staying b, staying c: 3');
  leaving.abort();
  await left;
  const end = AbortSignal.timeout(limit);
  while (!(await answer(`${server}/ended`)).includes('leaving cancelled')) {
    end.throwIfAborted();
    await sleep(10);
  }
}

async function answer(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(limit) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text;
}
