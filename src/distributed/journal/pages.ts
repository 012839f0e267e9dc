import type { CheckpointStore, JournalTail } from '../contracts.js';
import { RunNotFoundError } from '../errors.js';
import type { RunRecord } from '../run-info.js';
import { isSameRun } from './incarnation.js';

/** Bytes of entries that are read and held in memory at a time. */
const pageSize = 4 * 2 ** 20;

/**
 * Reads the journal of a run page by page, so that memory use does not grow with the journal. Yields nothing for an
 * unknown run.
 *
 * A page with a snapshot replaces all earlier pages. Such a page is the first one, or the journal was compacted in the
 * meantime, or another run has started under the same id.
 *
 * @param after - the last entry that the caller knows. Default: the caller knows none
 * @throws {RunNotFoundError} if the run is removed in the meantime
 */
export async function* pagesOf(
  store: CheckpointStore,
  runId: string,
  after?: number,
): AsyncGenerator<JournalTail, void, undefined> {
  let of: RunRecord | undefined;
  for (let known = after; ; ) {
    const page = await store.read(runId, known, { maxBytes: pageSize });
    if (page === undefined && of !== undefined) throw new RunNotFoundError(runId);
    if (page === undefined) return;
    of ??= page.record;
    if (isSameRun(page.record, of)) {
      yield page;
      if (page.more !== true) return;
      known = page.entries.at(-1)?.seq ?? page.snapshot?.seq ?? known;
    } else {
      of = undefined;
      known = undefined;
    }
  }
}
