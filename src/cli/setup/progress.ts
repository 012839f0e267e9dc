import { showProgress } from '../../progress/index.js';
import type { Session } from '../session.js';

/** Returns true if failures are reported line by line before the command ends. */
export function isToldInLines({ stderr }: Session, { quiet }: { readonly quiet?: boolean }): boolean {
  return quiet !== true && !stderr.isTerminal;
}

/**
 * Shows progress on standard error while `work` runs, unless `quiet` is set. Without a terminal, every event has a line
 * of its own and no summary is written.
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
