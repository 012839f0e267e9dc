// Code in a task can ask which task it is and how much time is left. Here both go along with each request, so that the
// server can log the id, and give up when the client no longer waits.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Orchestrator } from 'orchestrator';

const requests: { task: string; left: number }[] = [];
const server = createServer(({ headers }, response) => {
  requests.push({ task: String(headers['x-task']), left: Number(headers['x-deadline-ms']) });
  response.writeHead(requests.length === 1 ? 503 : 200).end('Ada');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 10 }, timeout: { attempt: 5_000 } });

/** A helper that knows nothing of actions. */
async function getText(): Promise<string> {
  const { task, remaining, signal } = orchestrator;
  const headers = { 'x-task': `${task?.id} attempt ${task?.attempt}`, 'x-deadline-ms': String(Math.floor(remaining)) };
  const response = await fetch(url, { headers, signal });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.text();
}

const fetchName = orchestrator.action('fetchName', () => getText());
assert.equal(await orchestrator.run(() => fetchName(), { id: 'page-7', timeout: 2_000 }), 'Ada');
server.close();

console.log(requests);
assert.deepEqual(
  requests.map(({ task }) => task),
  ['page-7/1 attempt 1', 'page-7/1 attempt 2'],
);
// The limit of the run is nearer than that of the attempt.
assert.ok(requests.every(({ left }) => left > 0 && left <= 2_000));

// Outside a task there is none, and no limit.
assert.deepEqual([orchestrator.task, orchestrator.remaining], [undefined, Infinity]);
