import { ownScope, type Scope } from '../kernel/scope/process.js';
import { ValidationError } from '../shared/errors.js';
import { RecordedBranch } from './branch.js';

/** The recorded scope of the calling code. */
export interface Here {
  readonly scope: Scope;
  readonly branch: RecordedBranch;
}

/**
 * Returns the recorded scope of the calling code.
 *
 * @param subject - name of the called function, for messages
 * @throws {ValidationError} if the code does not belong to the function of a run with a journal
 */
export function here(subject: string): Here {
  const scope = ownScope();
  const branch = scope?.branch;
  if (scope === undefined || !(branch instanceof RecordedBranch)) {
    throw new ValidationError(
      `${subject}() must be called by the function of a run with a journal, and not inside a task: call it there, or give the run a journal`,
    );
  }
  return { scope, branch };
}
