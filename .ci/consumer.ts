// Compiled against the declarations of the packed tarball, without skipLibCheck.
import { Orchestrator, type RetryOptions, type TaskCompletionEvent } from 'orchestrator';

interface State {
  requests: number;
}

const retry: RetryOptions = { retries: 3, retryAfter: () => '1' };
const orchestrator = new Orchestrator<State>({ retry, timeout: { attempt: 1_000, total: 5_000 } });
orchestrator.onTaskCompletion((event: TaskCompletionEvent<State>) => event.context.requests++);

const length = orchestrator.action((text: string) => text.length);
const both = orchestrator.parallel([length, () => 'two']);
export const results: Promise<[number, string]> = orchestrator.run(() => both('one'));
export const lengths: Promise<number[]> = orchestrator.map(['a', 'b'], length, { concurrency: 2 });
