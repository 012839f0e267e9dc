// Hooks see each process and each task begin and end, also where it fails. They run in order and are awaited.
// A name in the log is the function's own, or the one given in the options.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';

const lines: string[] = [];
const log = (line: string) => {
  lines.push(line);
  console.log(line);
};

const orchestrator = new Orchestrator({ name: 'breakfast' })
  .onProcessBegin(({ name }) => log(`${name} begins`))
  .onTaskBegin(async ({ name, args }) => {
    await sleep(5); // Awaited: the task starts only after this.
    log(`  ${name}(${args.join(', ')}) begins`);
  })
  .onTaskCompletion(({ name, status, duration, result, error }) => {
    assert.ok(duration > 0);
    log(`  ${name} ${status}: ${error instanceof Error ? error.message : result}`);
  })
  .onProcessCompletion(({ name, status }) => log(`${name} ${status}`));

const boilEggs = orchestrator.action(async function boilEggs(count: number) {
  return `${count} eggs`;
});
const makeToast = orchestrator.action(
  () => {
    throw new Error('the bread is gone');
  },
  { name: 'toast' },
);

await assert.rejects(
  orchestrator.run(async () => {
    await boilEggs(2);
    await makeToast();
  }),
  { message: 'the bread is gone' },
);

assert.deepEqual(lines, [
  'breakfast begins',
  '  boilEggs(2) begins',
  '  boilEggs completed: 2 eggs',
  '  toast() begins',
  '  toast failed: the bread is gone',
  'breakfast failed',
]);
