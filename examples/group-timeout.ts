// What is there at the deadline: a limit of a whole group, and of a run with a group in it. Nothing that was done is lost.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator, ParallelError, TimeoutError } from 'orchestrator';

const orchestrator = new Orchestrator();
const aborted: string[] = [];
const search = orchestrator.action(
  async (shop: string) => {
    const { signal } = orchestrator;
    signal.addEventListener('abort', () => aborted.push(shop));
    await sleep(shop === 'slow' ? 60_000 : 1, undefined, { signal });
    return `offers of ${shop}`;
  },
  { name: 'search' },
);
const shops = ['near', 'slow', 'far'];

const settled = await orchestrator.map(shops, search, { settle: true, timeout: 100 });
for (const result of settled) console.log(result.status === 'fulfilled' ? result.value : result.reason.message);
assert.deepEqual(
  settled.map(({ status }) => status),
  ['fulfilled', 'rejected', 'fulfilled'],
);
assert.deepEqual(aborted, ['slow']);

// Without `settle`, the error has the results, and the limit is its cause.
const failure = await orchestrator.map(shops, search, { timeout: 100 }).catch((error: unknown) => error);
assert.ok(failure instanceof ParallelError);
assert.ok(failure.cause instanceof TimeoutError);
assert.equal(failure.message, '1 of 3 parallel actions failed: item 1: "search" timed out after 100 ms');

// The limit of a run ends the code that waits for the group. The results are on the error.
const page = () => orchestrator.map(shops, search, { settle: true });
const late = await orchestrator.run(page, { name: 'page', timeout: 100 }).catch((error: unknown) => error);
assert.ok(late instanceof TimeoutError);
const [group] = late.interrupted;
console.log(`${late.message}, with`, group?.results);
assert.equal(group?.name, 'search');
assert.deepEqual(group.results, [
  { status: 'fulfilled', value: 'offers of near' },
  { status: 'rejected', reason: late },
  { status: 'fulfilled', value: 'offers of far' },
]);
