// Schedules: an interval, and the handling of ticks that pass during a long iteration. A producer without work returns
// `idle`.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { idle, Loop, type MissedTicks, WorkflowOrchestrator } from 'orchestrator/loops';

const every = 20;
const starts: Record<string, number[]> = {};

/** A loop whose second iteration takes three and a half intervals. */
function slowOnce(missed: MissedTicks): Loop {
  const times: number[] = [];
  starts[missed] = times;
  return new Loop(missed, { schedule: { every, missed } })
    .producer('tick', () => times.push(Math.round(performance.now())))
    .blocking('work', async (turn: number) => {
      if (turn === 2) await sleep(3.5 * every);
    });
}

let polls = 0;
const poll = new Loop('poll')
  .producer('ask', () => (++polls === 3 ? 'a letter' : idle(10))) // asked again in 10 ms
  .blocking('open', (post: string) => assert.equal(post, 'a letter'));

const orchestrator = new WorkflowOrchestrator().load({
  loops: [slowOnce('skip'), slowOnce('catch-up'), slowOnce('delay'), poll],
});
await orchestrator.start();
await sleep(500);
await orchestrator.close();

for (const { loopId, iterations, missedTicks } of orchestrator.metrics().loops) {
  const times = starts[loopId]?.slice(0, 8);
  const line = times?.map((time) => time - (times[0] as number)).join(', ') ?? `asked ${polls} times`;
  console.log(
    `  ${loopId.padEnd(8)} ${String(iterations).padStart(2)} iterations, ${missedTicks} ticks missed: ${line}`,
  );
}
const iterationsOf = (loopId: string) => starts[loopId]?.length ?? 0;
assert.ok(iterationsOf('catch-up') > iterationsOf('skip'), 'what was missed is made up for');
const [, second = 0, third = 0] = starts.delay ?? [];
assert.ok(third - second >= 4.4 * every, 'a pause after each iteration');
const metrics = orchestrator.metrics().loops;
assert.ok((metrics.find(({ loopId }) => loopId === 'skip')?.missedTicks ?? 0) >= 3);
assert.equal(metrics.find(({ loopId }) => loopId === 'poll')?.iterations, 1, 'to have nothing is no iteration');
