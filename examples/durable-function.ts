// A durable function in a server: an order is durable before it is answered, and goes on after a restart. The server is
// in durable-function/server.ts. Here it is ended twice while it executes orders: in good order, and by a kill.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('durable-function/server.ts', import.meta.url));
const directory = await mkdtemp(`${tmpdir()}/durable-function-`);
const executed: string[] = [];

/** Starts the server. With a delay, its tasks take so long that it is ended while they are under way. */
async function start(delay: number) {
  const server = fork(file, { env: { ...process.env, RUNS: directory, STEP_MS: String(delay) } });
  const [ready] = await new Promise<string[][]>((resolve, reject) => {
    server.once('exit', (code) => reject(new Error(`the server has ended with ${code}`)));
    server.on('message', (message: string) => {
      const [what = '', ...details] = message.split(' ');
      if (what === 'listens') resolve([details]);
      else executed.push(message);
    });
  });
  const [port, recovered] = ready ?? [];
  const end = async (signal: NodeJS.Signals) => {
    const closed = once(server, 'close');
    server.kill(signal);
    return (await closed) as [code: number | null, signal: NodeJS.Signals | null];
  };
  return { url: `http://127.0.0.1:${port}/orders`, recovered: Number(recovered), end };
}

try {
  const first = await start(60_000);
  const put = (url: string, id: string, item: string) =>
    fetch(`${url}/${id}`, { method: 'POST', body: JSON.stringify({ item }) });
  assert.equal((await put(first.url, '41', 'book')).status, 202);
  assert.equal((await put(first.url, '42', 'lamp')).status, 202);
  assert.equal((await put(first.url, '42', 'lamp')).status, 202); // The same order, not a second one.
  assert.deepEqual(await first.end('SIGTERM'), [0, null]);

  const second = await start(60_000);
  assert.equal(second.recovered, 2);
  assert.deepEqual(await second.end('SIGKILL'), [null, 'SIGKILL']);

  const third = await start(0);
  assert.equal(third.recovered, 2);
  for (const id of ['41', '42']) {
    for (;;) {
      const answer = await fetch(`${third.url}/${id}`);
      const { status, result } = (await answer.json()) as { status: string; result?: unknown };
      if (status === 'running') await pause(10);
      else {
        console.log(id, status, result);
        assert.equal(status, 'completed');
        break;
      }
    }
  }
  assert.deepEqual(await third.end('SIGTERM'), [0, null]);
  // However often the charge was begun, it was with the same key.
  const keys = new Set(executed.filter((line) => line.startsWith('charge book')));
  assert.equal(keys.size, 1);
} finally {
  await rm(directory, { recursive: true });
}
