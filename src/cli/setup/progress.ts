import { showProgress } from '../../progress/index.js';
import type { Session } from '../session.js';

/** Shows on the standard error what goes on while something is done, unless that is to be quiet. */
export async function withProgress<Result>(
  { io, stderr }: Session,
  { quiet }: { readonly quiet?: boolean },
  work: () => Promise<Result>,
): Promise<Result> {
  if (quiet === true) return work();
  const progress = showProgress({ stream: io.stderr, colour: stderr.isColoured });
  try {
    return await work();
  } finally {
    progress.stop();
  }
}
