// Results one by one, as they come: a list of any length in bounded memory. The source is read as fast as the loop takes.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';

const orchestrator = new Orchestrator();
const fetchUser = orchestrator.action(
  async (id: number) => {
    await sleep(id % 2 === 0 ? 2 : 4);
    return { id };
  },
  { name: 'fetchUser' },
);

let read = 0;
let isClosed = false;
async function* pages() {
  try {
    for (let id = 1; ; id++) {
      read++;
      yield id;
    }
  } finally {
    isClosed = true;
  }
}

// The source has no end. At most 4 users are on their way or wait for the loop, and leaving it closes the source.
const seen: number[] = [];
for await (const { id } of orchestrator.each(pages(), fetchUser, { concurrency: 4 })) {
  seen.push(id);
  assert.ok(read <= seen.length + 4);
  if (seen.length === 10) break;
}
console.log(seen, `${read} read`);
assert.equal(isClosed, true);
assert.ok(read <= 14);

const inOrder: number[] = [];
for await (const { id } of orchestrator.each([1, 2, 3, 4], fetchUser, { ordered: true })) inOrder.push(id);
assert.deepEqual(inOrder, [1, 2, 3, 4]);

// The first failure ends the loop with its error, unless results are to be settled.
const odd = orchestrator.action((id: number) => {
  if (id % 2 === 0) throw new RangeError(`${id} is even`);
  return id;
});
const statuses: string[] = [];
for await (const result of orchestrator.each([1, 2, 3], odd, { settle: true, ordered: true }))
  statuses.push(result.status);
console.log(statuses);
assert.deepEqual(statuses, ['fulfilled', 'rejected', 'fulfilled']);
await assert.rejects(async () => {
  for await (const _ of orchestrator.each([1, 2, 3], odd));
}, new RangeError('2 is even'));
