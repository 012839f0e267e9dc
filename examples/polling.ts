// An action polls until a result is right, with the delays of retries. When its tries are up, the last result is in the
// error.
import assert from 'node:assert/strict';
import { Orchestrator, RetryError } from 'orchestrator';

interface Job {
  readonly id: string;
  readonly status: 'queued' | 'running' | 'done';
}

const orchestrator = new Orchestrator().onTaskRetry(({ name, attempt, delay }) => {
  console.log(`${name}, attempt ${attempt}: not done; again in ${delay} ms`);
});

const statuses: Job['status'][] = ['queued', 'running', 'done'];
const waitForJob = orchestrator.action(
  async function waitForJob(id: string): Promise<Job> {
    return { id, status: statuses.shift() ?? 'running' };
  },
  { retry: { retries: 3, minTimeout: 5, factor: 1, until: (job) => job.status === 'done' } },
);

assert.deepEqual(await waitForJob('a'), { id: 'a', status: 'done' });

await assert.rejects(waitForJob('b'), (error) => {
  assert(error instanceof RetryError);
  console.log(error.message);
  assert.deepEqual(error.result, { id: 'b', status: 'running' });
  assert(!JSON.stringify(error).includes('running'), 'the result is not in logs');
  return error.attempts === 4;
});
