// One line shows the current work of a script: run this example in a terminal, or with `2>&1 | cat` to see plain lines.
// Nothing has to be passed to it, and standard output stays free: `npx tsx examples/progress.ts > report.json`.
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';
import { showProgress } from 'orchestrator/progress';

showProgress();

// Collects the output as text, for the checks below.
let shown = '';
const stream = new Writable({
  write(chunk, _, done) {
    shown += chunk;
    done();
  },
});
const copy = showProgress({ stream, interactive: false, colour: false, interval: 100 });

/** Answers after a while, and sometimes fails at the first attempt. */
const answer = async (milliseconds: number, isFailing: boolean) => {
  await sleep(milliseconds);
  if (isFailing) throw new Error('503 Service Unavailable');
};

const nightly = new Orchestrator({ name: 'nightly import', retry: { retries: 2, minTimeout: 500 } });
const signIn = nightly.action(() => sleep(240), { name: 'signIn' });
const asked = new Set<number>();
const fetchUser = nightly.action(
  async (id: number) => {
    const isNew = !asked.has(id);
    asked.add(id);
    await answer(20 + (id % 7) * 15, (id % 40 === 0 && isNew) || id === 133);
    return { id, orders: id % 5 };
  },
  { name: 'fetchUser' },
);
const fetchRates = nightly.action(() => sleep(700), { name: 'fetchRates' });
const fetchNews = nightly.action(() => answer(300, true), {
  name: 'fetchNews',
  retry: { retries: 1, minTimeout: 900 },
});
const writeReport = nightly.action((users: number) => sleep(users), { name: 'writeReport' });

const users = await nightly.run(async () => {
  await signIn();
  const ids = Array.from({ length: 400 }, (_, index) => index + 1);
  const [settled] = await Promise.all([
    nightly.map(ids, fetchUser, { concurrency: 10, settle: true }),
    nightly.parallel([fetchRates, fetchNews], { settle: true })(),
  ]);
  const found = settled.filter(({ status }) => status === 'fulfilled').length;
  await writeReport(found);
  return found;
});

copy.stop();
console.log(JSON.stringify({ users }));

assert.equal(users, 399);
assert.match(shown, /✓ nightly import › signIn {2}\d+ ms\n/);
assert.match(shown, /↻ nightly import › fetchNews {2}attempt 2 of 2 in 0\.9 s, 503 Service Unavailable\n/);
assert.match(shown, /⋯ nightly import › map fetchUser {2}\d+\/400, \d+ %/);
assert.match(shown, /✓ nightly import › map fetchUser {2}.+, 400\/400, 1 failed\n/);
assert.match(shown, /\n {4}fetchUser +400 +1 +12 .+ 503 Service Unavailable\n/);
