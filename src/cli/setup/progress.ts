import { showProgress } from '../../progress/index.js';
import type { Session } from '../session.js';

/** Whether what fails is told line by line, before the command says that it has. */
export function isToldInLines({ stderr }: Session, { quiet }: { readonly quiet?: boolean }): boolean {
  return quiet !== true && !stderr.isTerminal;
}

/**
 * Shows on the standard error what goes on while something is done, unless that is to be quiet. Where there is no terminal
 * each thing was told in a line of its own, and there is nothing to sum up.
 */
export async function withProgress<Result>(
  session: Session,
  flags: { readonly quiet?: boolean },
  work: () => Promise<Result>,
): Promise<Result> {
  const { io, stderr } = session;
  if (flags.quiet === true) return work();
  const progress = showProgress({ stream: io.stderr, colour: stderr.isColoured, summary: stderr.isTerminal });
  try {
    return await work();
  } finally {
    progress.stop();
  }
}
