// `orchestrator.signal` is the signal of the code that reads it. Passed to fetch, the signal closes the connection when
// the run ends at its timeout or is aborted by the caller. Completion hooks still run, to clean up.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Orchestrator, TimeoutError } from 'orchestrator';

// A server that never answers, and notices when a client disconnects.
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

// A timeout for the whole run.
const late = await orchestrator.run(download, { timeout: 150 }).catch((error: unknown) => error);
assert.ok(late instanceof TimeoutError);
console.log(late.message);

// A signal of the caller: a button, a shutdown, a client that disconnected.
const button = new AbortController();
server.once('request', () => button.abort(new Error('cancelled by the user')));
await assert.rejects(orchestrator.run(download, { signal: button.signal }), { message: 'cancelled by the user' });

// With a signal that is already aborted, nothing starts.
await assert.rejects(orchestrator.run(() => assert.fail('never called'), { signal: button.signal }));

console.log(ends);
assert.deepEqual(ends, ['download cancelled', 'update failed', 'download cancelled', 'update cancelled']);

// If a connection stayed open, this loop would never end.
while (open > 0) await once(server, 'hungUp');
console.log('Every connection was closed.');
server.close().closeAllConnections();
