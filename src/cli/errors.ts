import { inspect } from 'node:util';
import { Unfinished } from './exit-codes.js';
import { errorData, textOf } from './output/error-data.js';
import { harmless, oneLine } from './output/text.js';
import type { Session } from './session.js';

/** Maximum number of causes in a message. */
const mostCauses = 5;

/**
 * Reports an error on standard error, in one line with its causes. With `--verbose`, the report includes the stacks.
 */
export function report(session: Session, error: unknown): void {
  const { stderr } = session;
  const message = harmless(session.cleaned(messageOf(error, session.isVerbose)));
  if (error instanceof Unfinished) {
    stderr.line(message);
    return;
  }
  const [first = '', ...more] = message.split('\n');
  stderr.line(`${stderr.styled('red', 'error:')} ${oneLine(first)}`);
  for (const line of more) stderr.line(`  ${line}`);
  if (session.isVerbose) stderr.line(harmless(session.cleaned(detailsOf(error))));
}

/**
 * Joins the messages of an error and its causes. Causes that add nothing are skipped. For a missing package, the path
 * that Node searched is shown only with `--verbose`.
 */
function messageOf(error: unknown, isVerbose: boolean): string {
  const parts: string[] = [];
  let current: ReturnType<typeof errorData> | undefined = errorData(error);
  for (let depth = 0; current !== undefined && depth < mostCauses; depth++, current = current.cause) {
    // Some system errors have a code but no message.
    const message: string = current.message || current.code || current.name;
    if (!parts.some((part) => part.includes(message))) parts.push(message);
    if (current.code === 'ERR_MISSING_PEER' && !isVerbose) break;
  }
  return parts.join(': ');
}

/** Node's full description of an error. Inspecting may run code of the error, which may fail. */
function detailsOf(error: unknown): string {
  try {
    return inspect(error, { colors: false });
  } catch {
    return textOf(error);
  }
}
