// A limit that several programs share, in Redis. Two programs, started by this one, make calls under one limit: together
// they run no more than two at once, and start no more than five in any 500 ms.
//
// Uses the server at REDIS_URL, or starts `redis-server`. Skipped if there is neither.
import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Orchestrator } from 'orchestrator';
import { limit, redisLimits } from 'orchestrator/limits';

/** What a program tells about one of its calls: when it has begun and ended. */
type Call = readonly [begin: number, end: number];

if (process.send !== undefined) await makeCalls(process.argv[2] as string);
else await startPrograms();

/** One of the programs. */
async function makeCalls(url: string): Promise<void> {
  const store = redisLimits(url);
  // All programs name the same limit, and give it the same options.
  const api = limit({ name: 'example', concurrency: 2, rate: 5, per: 500, store });
  const call = new Orchestrator().action(
    'call',
    async () => {
      const begin = Date.now();
      await sleep(20);
      process.send?.([begin, Date.now()] satisfies Call);
    },
    { limit: api },
  );
  await Promise.all(Array.from({ length: 6 }, () => call()));
  // The connection would keep the program alive.
  await store.close();
  process.disconnect();
}

async function startPrograms(): Promise<void> {
  const server = await findServer();
  if (server === undefined) return console.log('skipped: needs redis-server, or the address of a server in REDIS_URL');
  const calls: Call[] = [];
  const programs = [1, 2].map(() =>
    fork(fileURLToPath(import.meta.url), [server.url], { execArgv: ['--import', 'tsx'] }),
  );
  for (const program of programs) program.on('message', (call: Call) => calls.push(call));
  const codes = await Promise.all(programs.map((program) => once(program, 'exit')));
  server.child?.kill();
  assert.deepEqual(codes.flat().filter(Number.isInteger), [0, 0]);

  calls.sort(([one], [other]) => one - other);
  const first = calls[0] as Call;
  for (const [begin, end] of calls) console.log(`${begin - first[0]} to ${end - first[0]} ms`);
  assert.equal(calls.length, 12);
  // The clock of the server decides, and the answer takes some time, so these bounds leave room.
  const atOnce = calls.map(([begin]) => calls.filter(([other, end]) => other <= begin && begin < end).length);
  assert.ok(Math.max(...atOnce) <= 2);
  assert.ok((calls[10] as Call)[0] - first[0] > 600);
}

async function findServer(): Promise<{ readonly url: string; readonly child?: ChildProcess } | undefined> {
  const { REDIS_URL } = process.env;
  if (REDIS_URL !== undefined) return { url: REDIS_URL };
  const port = await freePort();
  const child = spawn('redis-server', ['--port', String(port), '--save', ''], { stdio: ['ignore', 'pipe', 'ignore'] });
  const isMissing = once(child, 'error').then(() => true);
  const isReady = (async () => {
    for await (const line of createInterface({ input: child.stdout })) if (/ready to accept/i.test(line)) break;
    return false;
  })();
  return (await Promise.race([isMissing, isReady])) ? undefined : { url: `redis://127.0.0.1:${port}`, child };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, 'close');
  return port;
}
