// A web server in which each request is a separate run, with its own state and signal. Code deep inside knows the user
// of its request without extra parameters, and stops when the client disconnects.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';

interface Visit {
  user: string;
  queries: number;
}

const orchestrator = new Orchestrator<Visit>({ name: 'request', state: { user: 'nobody', queries: 0 } });
const statuses: string[] = [];
orchestrator.onProcessCompletion(({ status, context }) => {
  statuses.push(`${context.user} ${status}`);
  server.emit('served');
});

const query = orchestrator.action(async (table: string) => {
  const state = orchestrator.getState();
  state.queries++;
  await sleep(table === 'archive' ? 60_000 : 5, undefined, { signal: orchestrator.signal });
  return `${table} of ${state.user}`;
});

async function handle({ url }: IncomingMessage, response: ServerResponse): Promise<void> {
  const tables = String(url).split('/').slice(2);
  const rows = await orchestrator.map(tables, query);
  response.end(`${rows.join(', ')}; queries: ${orchestrator.getState().queries}`);
}

const server = createServer((request, response) => {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the client has gone')));
  const user = String(request.url).split('/')[1] ?? '';
  orchestrator
    .run(() => handle(request, response), { state: { user }, signal: gone.signal })
    .catch((error: Error) => response.destroyed || response.writeHead(500).end(error.message));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const paths = ['/ada/engines/notes', '/grace/compilers', '/alan/machines/codes/keys'];
const answers = await Promise.all(paths.map(async (path) => (await fetch(url + path)).text()));
console.log(answers);
assert.deepEqual(answers, [
  'engines of ada, notes of ada; queries: 2',
  'compilers of grace; queries: 1',
  'machines of alan, codes of alan, keys of alan; queries: 3',
]);
const served = once(server, 'served');
server.once('request', (request) => request.socket.destroy());
await assert.rejects(fetch(`${url}/joan/archive`));
await served;
console.log(statuses.at(-1));
assert.equal(statuses.at(-1), 'joan cancelled');
server.close().closeAllConnections();
