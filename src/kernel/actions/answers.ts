import { isPromiseLike } from '../../shared/promise-like.js';
import { untilAborted } from '../cancellation.js';
import { asFailure } from '../scope/lifecycle.js';
import { ownScope, type Process, processOf, type Scope } from '../scope/process.js';
import { type Definition, isSeen, newTask, perform, start } from './action.js';

/** Makes the answers of a caller from the outcomes of its tasks. */
export interface Answers<Given, Answer> {
  succeeded(result: unknown, given: Given): Answer;
  failed(thrown: unknown, given: Given): Answer;
}

/**
 * Like `perform`, but settles with what the caller makes of the outcome. A task that nothing observes then needs no
 * further promise.
 *
 * @param given - passed to `answers`
 */
export function performFor<Given, Answer>(
  definition: Definition,
  args: unknown[],
  given: Given,
  answers: Answers<Given, Answer>,
): Answer | Promise<Answer> {
  const { core } = definition;
  const scope = ownScope();
  const isPlain = scope !== undefined && !scope.branch && !scope.cancellation.closed && !isSeen(core);
  const process = isPlain ? processOf(core, scope) : undefined;
  if (process === undefined || scope === undefined) {
    return answeredBy(perform(definition, args), given, answers);
  }
  const { cancellation } = scope;
  if (cancellation.aborted) return answers.failed(cancellation.reason, given);
  process.begin();
  let pending: unknown;
  try {
    const task = newTask(definition, args, scope, undefined);
    pending = untilAborted(cancellation, start(definition, task, scope, definition.work));
    // Reading `then` of a result may throw, as it would when awaited.
    if (isPromiseLike(pending)) return answered(pending, definition, process, scope, given, answers);
  } catch (thrown) {
    process.end();
    return answers.failed(asFailure(thrown, definition.name, cancellation), given);
  }
  process.end();
  return answers.succeeded(pending, given);
}

/** Settles with what the caller makes of the outcome of a performed task. */
export function answeredBy<Given, Answer>(
  performed: Promise<unknown>,
  given: Given,
  answers: Answers<Given, Answer>,
): Promise<Answer> {
  return performed.then(
    (result) => answers.succeeded(result, given),
    (thrown) => answers.failed(thrown, given),
  );
}

function answered<Given, Answer>(
  pending: PromiseLike<unknown>,
  { name }: Definition,
  process: Process,
  { cancellation }: Scope,
  given: Given,
  answers: Answers<Given, Answer>,
): Promise<Answer> {
  const succeed = (result: unknown) => {
    process.end();
    return answers.succeeded(result, given);
  };
  const fail = (thrown: unknown) => {
    process.end();
    return answers.failed(asFailure(thrown, name, cancellation), given);
  };
  return Promise.resolve(pending).then(succeed, fail);
}
