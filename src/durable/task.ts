import { enter, type Scope } from '../kernel/scope/process.js';
import { type Call, failureOf, type Result } from './call.js';
import { InterruptedError } from './errors.js';
import type { Entry } from './history.js';
import { TaskState } from './task-state.js';

/**
 * Executes the task of a call.
 *
 * @param once - if true, a task that an earlier life has begun is not executed again
 * @param entry - what an earlier life has recorded when it began the task, if anything
 */
export function executeTask(call: Call, perform: () => unknown, once: boolean, entry: Entry | undefined): void {
  if (!once) {
    execute(call, perform);
    return;
  }
  if (entry?.isBegun) {
    call.end({ kind: 'error', thrown: new InterruptedError(call.name), fields: ',"x":1' });
    return;
  }
  call.noteBegin('"b":1').then(
    () => execute(call, perform),
    (thrown: unknown) => call.reject(thrown),
  );
}

/** Executes a task in a scope whose inside is not recorded. */
function execute(call: Call, perform: () => unknown): void {
  const { process, cancellation } = call.scope;
  const state = new TaskState(process.state, call);
  const scope: Scope = { process, cancellation, outer: call.scope, part: state };
  (enter(scope, perform) as Promise<unknown>).then(
    (value) => call.end(withChanges({ kind: 'value', value }, state)),
    (thrown: unknown) => call.end(withChanges(failureOf(thrown, cancellation), state)),
  );
}

/** Adds what the task has changed in the state to its result. */
function withChanges(result: Result, state: TaskState): Result {
  try {
    const fields = state.changes();
    return fields === '' ? result : { ...result, fields };
  } catch (thrown) {
    return result.kind === 'value' ? { kind: 'error', thrown } : result;
  }
}

/** Returns the call of the recorded task around the scope, if any. */
export function taskAround(scope: Scope | undefined): Call | undefined {
  for (let at = scope; at !== undefined; at = at.outer) {
    if (at.part instanceof TaskState) return at.part.call;
  }
  return undefined;
}
