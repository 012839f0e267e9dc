// `orchestrator.signal` is the signal of the code that reads it. Handed to fetch, it closes the connection when the run
// is over: by its own limit, or by the caller's signal. Completion hooks still run, to clean up.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Orchestrator, TimeoutError } from 'orchestrator';

// A server that never answers, and notices when a client has hung up.
let open = 0;
const server = createServer(({ socket }) => {
  open++;
  socket.once('close', () => {
    open--;
    server.emit('hungUp');
  });
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const ends: string[] = [];
const orchestrator = new Orchestrator({ name: 'update' })
  .onTaskCompletion(({ name, status }) => ends.push(`${name} ${status}`))
  .onProcessCompletion(({ name, status }) => ends.push(`${name} ${status}`));

const download = orchestrator.action(function download() {
  return fetch(url, { signal: orchestrator.signal });
});

// A limit for the whole run.
const late = await orchestrator.run(download, { timeout: 150 }).catch((error: unknown) => error);
assert.ok(late instanceof TimeoutError);
console.log(late.message);

// The caller's own signal: a button, a shutdown, a client that has gone.
const button = new AbortController();
server.once('request', () => button.abort(new Error('cancelled by the user')));
await assert.rejects(orchestrator.run(download, { signal: button.signal }), { message: 'cancelled by the user' });

// Nothing starts in a run that is over before it begins.
await assert.rejects(orchestrator.run(() => assert.fail('never called'), { signal: button.signal }));

console.log(ends);
assert.deepEqual(ends, ['download cancelled', 'update failed', 'download cancelled', 'update cancelled']);

// Where a connection stayed open, this would wait for ever.
while (open > 0) await once(server, 'hungUp');
console.log('Every connection was closed.');
server.close().closeAllConnections();
