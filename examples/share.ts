// Equal calls are one call: while it is in flight, for a run, or for a time. A caller that gives up leaves the others
// waiting for the same work.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';

const orchestrator = new Orchestrator();
let requests = 0;
const request = async (path: string) => {
  requests++;
  await sleep(20, undefined, { signal: orchestrator.signal });
  return `content of ${path}`;
};

// In flight: two requests of a server need the same page at the same time.
const fetchPage = orchestrator.action(request, { name: 'fetchPage', share: true });
const pages = await Promise.all([
  orchestrator.run(() => fetchPage('/prices')),
  orchestrator.run(() => fetchPage('/prices')),
]);
assert.deepEqual([...pages, requests], ['content of /prices', 'content of /prices', 1]);

// For a run: each part of a script may ask for what it needs, and the user is fetched once.
const fetchUser = orchestrator.action(request, { name: 'fetchUser', share: 'run' });
await orchestrator.run(async () => {
  await fetchUser('/users/42');
  await orchestrator.map(['/users/42', '/users/42', '/users/7'], fetchUser);
});
assert.equal(requests, 3);

// For a time, by a key: the order of keys does not matter by itself, but this key leaves the trace id out.
const search = orchestrator.action((query: { text: string; traceId: string }) => request(`/search?${query.text}`), {
  name: 'search',
  share: { ttl: 60_000, key: ({ text }) => text, max: 100 },
});
await search({ text: 'shoes', traceId: 'a' });
await search({ text: 'shoes', traceId: 'b' });
assert.equal(requests, 4);

// The first caller leaves; the second still gets the result of the same work.
const leaving = assert.rejects(orchestrator.run(() => fetchPage('/news'), { timeout: 5 }));
const staying = orchestrator.run(() => fetchPage('/news'));
await leaving;
assert.equal(await staying, 'content of /news');
assert.equal(requests, 5);
console.log(`Ten calls, ${requests} requests.`);
