// A waiting flow does not keep a program busy: the run ends as `awaiting`, and its snapshot is a text that can be
// stored anywhere. Another program with the same flow continues the run with the events that have arrived.
import assert from 'node:assert/strict';
import { Flow, FlowRuntime, withAction } from 'orchestrator/flow';

interface Leave {
  days: number;
}

interface Answer {
  by: string;
  approved: boolean;
}

let requests = 0;

/** The flow, which both programs share. */
function leaveFlow() {
  return new Flow<Leave>('leave')
    .node('request', (_input, { context }) => {
      requests++;
      return `${context.days} days off`;
    })
    .wait('approval', { after: 'request', event: 'answered' })
    .node('decide', (answer: Answer) => withAction(answer.approved ? 'yes' : 'no', answer), { after: 'approval' })
    .node('book', ({ by }, { context }) => `${context.days} days booked, thanks to ${by}`, { after: { decide: 'yes' } })
    .node('regret', ({ by }) => `${by} says no`, { after: { decide: 'no' } });
}

async function firstProgram(): Promise<string> {
  const result = await new FlowRuntime().run(leaveFlow(), { days: 10 });
  console.log(result.status, result.awaiting);
  assert.equal(result.status, 'awaiting');
  assert.deepEqual(result.awaiting, [{ nodeId: 'approval', event: 'answered' }]);
  return result.snapshot;
}

async function secondProgram(snapshot: string, answer: Answer) {
  return new FlowRuntime().continue(leaveFlow(), snapshot, { events: { answered: answer } });
}

const snapshot = await firstProgram();
assert.equal(typeof snapshot, 'string');

const yes = await secondProgram(snapshot, { by: 'Grace', approved: true });
console.log(yes.output);
assert.equal(yes.output, '10 days booked, thanks to Grace');

// The snapshot is not changed: the same run can be continued in another way.
const no = await secondProgram(snapshot, { by: 'Ada', approved: false });
console.log(no.output);
assert.equal(no.output, 'Ada says no');
assert.equal(requests, 1, 'what has completed is not repeated');

// An event that nothing waits for is an error.
await assert.rejects(
  new FlowRuntime().continue(leaveFlow(), snapshot, { events: { anwsered: {} } }),
  /events\.anwsered/,
);
