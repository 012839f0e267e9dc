import { inspect } from 'node:util';
import { Unfinished } from './exit-codes.js';
import { errorData, textOf } from './output/error-data.js';
import { harmless, oneLine } from './output/text.js';
import type { Session } from './session.js';

/** How many causes a message spells out. */
const mostCauses = 5;

/** Says on the standard error what has gone wrong: one line, with its causes; with `--verbose` the stacks, too. */
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
 * The message of an error with those of its causes, as far as these say something new. Of a package that is missing, where
 * Node has looked for it is for who asks.
 */
function messageOf(error: unknown, isVerbose: boolean): string {
  const parts: string[] = [];
  let current: ReturnType<typeof errorData> | undefined = errorData(error);
  for (let depth = 0; current !== undefined && depth < mostCauses; depth++, current = current.cause) {
    // Some errors of the system say what they are by their code alone.
    const message: string = current.message || current.code || current.name;
    if (!parts.some((part) => part.includes(message))) parts.push(message);
    if (current.code === 'ERR_MISSING_PEER' && !isVerbose) break;
  }
  return parts.join(': ');
}

/** All that Node says of an error; what it may call in it for that may fail. */
function detailsOf(error: unknown): string {
  try {
    return inspect(error, { colors: false });
  } catch {
    return textOf(error);
  }
}
