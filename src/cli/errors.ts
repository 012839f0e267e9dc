import { inspect } from 'node:util';
import { harmless, oneLine } from './output/text.js';
import type { Session } from './session.js';

/** How many causes a message spells out. */
const mostCauses = 5;

/** Says on the standard error what has gone wrong: one line, with its causes; with `--verbose` the stacks, too. */
export function report(session: Session, error: unknown): void {
  const { stderr } = session;
  const [first = '', ...more] = harmless(session.cleaned(messageOf(error))).split('\n');
  stderr.line(`${stderr.styled('red', 'error:')} ${oneLine(first)}`);
  for (const line of more) stderr.line(`  ${line}`);
  if (session.isVerbose) stderr.line(harmless(session.cleaned(inspect(error, { colors: false }))));
}

/** The message of an error with those of its causes, as far as these say something new. */
function messageOf(error: unknown): string {
  const parts: string[] = [];
  for (let current = error, depth = 0; current !== undefined && depth < mostCauses; depth++) {
    const message = current instanceof Error ? current.message || nameOf(current) : String(current);
    if (!parts.some((part) => part.includes(message))) parts.push(message);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ');
}

/** Some errors of the system say what they are by their code alone. */
function nameOf(error: Error): string {
  const { code } = error as Error & { readonly code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
