// Hooks are called at the begin and end of each process and task, even if it fails. They are awaited in order. A task
// has the name of its function, or the name given in the options.
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
    await sleep(5); // Awaited: the task starts after this hook.
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
