// `withOptions` returns the same action with other options, for one or more calls. The action itself is not changed.
// Options are merged field by field: those of the orchestrator, the action and the call.
import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';

const attempts: Record<string, number> = {};
const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 1 } }).onTaskCompletion((task) => {
  attempts[task.name] = task.attempts;
  console.log(`${task.name} ${task.status}, attempts: ${task.attempts}`);
});

const saveDraft = orchestrator.action(
  async (text: string) => {
    throw new Error(`"${text}" is not saved, the disk is full`);
  },
  { name: 'saveDraft' },
);

await assert.rejects(saveDraft('first'));

// The user is waiting: try once, under another name in the log.
const saveNow = orchestrator.withOptions(saveDraft, { name: 'saveNow', retry: 0 });
await assert.rejects(saveNow('second'), { message: '"second" is not saved, the disk is full' });

// Important data: try more often. The waits between attempts are still those of the orchestrator.
await assert.rejects(orchestrator.withOptions(saveDraft, { name: 'saveSurely', retry: 5 })('third'));

await assert.rejects(saveDraft('fourth'));
assert.deepEqual(attempts, { saveDraft: 3, saveNow: 1, saveSurely: 6 });
