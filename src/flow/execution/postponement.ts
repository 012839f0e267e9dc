import { failureOf, isAbortError } from '../../kernel/errors.js';
import { budgetOf } from '../../kernel/policies/budget.js';
import type { Elsewhere } from '../../kernel/policies/policy.js';
import { type Attempts, announce, decide, type RetryOptions, withRetry } from '../../kernel/policies/retry.js';
import type { Scope } from '../../kernel/scope/process.js';
import type { Task, Work } from '../../kernel/scope/task.js';
import { callIn } from './node-call.js';

/**
 * The retry strategy of nodes. By default, a node is retried within its task. On a fleet, each attempt is a separate
 * work item: the attempt fails, and the orchestrator schedules the next attempt, so that a delayed retry survives the
 * end of the program. Elements of a batch are always retried within their task.
 */
export const elsewhere: Elsewhere = {
  retry: tryAgain,
  used: (task) => attemptsOf(task)?.elapsed ?? 0,
  isPostponed: ({ args }) => callIn(args).postponed !== undefined,
};

function tryAgain(options: RetryOptions, next: Work): Work {
  const here = withRetry(options, next);
  return (task, scope) => {
    const attempts = attemptsOf(task);
    return attempts === undefined ? here(task, scope) : once(options, next, task, scope, attempts);
  };
}

function attemptsOf({ args }: Task): Attempts | undefined {
  const { state, index } = callIn(args);
  return index === undefined ? state.attempts : undefined;
}

/**
 * Makes a single attempt. If the attempt fails and is to be repeated, stores the delay on the call, then throws the
 * failure unchanged.
 */
async function once(options: RetryOptions, next: Work, task: Task, scope: Scope, attempts: Attempts): Promise<unknown> {
  const began = performance.now();
  if (task.record !== undefined) task.record.previousAttempts = attempts.made;
  task.attempt = attempts.made + 1;
  if (attempts.made === 0) budgetOf(options)?.called();
  try {
    return await next(task, scope);
  } catch (thrown) {
    if (isAbortError(thrown) || scope.cancellation.aborted) throw thrown;
    const failure = failureOf(thrown, task.name);
    const elapsed = attempts.elapsed + performance.now() - began;
    const retry = await decide(options, failure, { ...attempts, elapsed });
    if (retry === undefined) throw failure;
    if (task.record !== undefined) task.record.isRetried = true;
    await announce(task, retry);
    callIn(task.args).postponed = retry;
    // The next attempt may still succeed, so the fallback of the timeout must not run yet.
    task.expired = undefined;
    throw failure;
  }
}
