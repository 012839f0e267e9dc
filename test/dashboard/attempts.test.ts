import { describe, expect, it } from 'vitest';
import { attemptViews } from '../../src/dashboard/views/attempts.js';

type Step = Parameters<typeof attemptViews>[0]['steps'][number];
type Failure = Parameters<typeof attemptViews>[1]['failures'][number];

const step = (status: Step['status'], time: number) =>
  ({ nodeId: 'charge', visit: 1, attempt: 1, status, workerId: 'w', time, duration: 1 }) as Step;
const failure = (message: string) =>
  ({ nodeId: 'charge', visit: 1, attempt: 1, error: { name: 'Error', message } }) as Failure;

describe('the attempts of a run that was retried', () => {
  it('have the errors of their own executions, and none if they completed', () => {
    const steps = [step('failed', 10), step('failed', 20), step('completed', 30)];
    const failures = [failure('first'), failure('second')];
    const known = { pending: [], failures, now: 40, finishedAt: 30 };
    const views = attemptViews({ steps } as unknown as Parameters<typeof attemptViews>[0], known);
    expect(views.map(({ status, error }) => [status, error?.message])).toEqual([
      ['failed', 'first'],
      ['failed', 'second'],
      ['completed', undefined],
    ]);
  });
});
