import type { CheckpointStore, JournalTail } from '../contracts.js';
import { RunNotFoundError } from '../errors.js';
import type { RunRecord } from '../run-info.js';
import { isSameRun } from './incarnation.js';

/** How many bytes of entries are read, and held, at a time. */
const pageSize = 4 * 2 ** 20;

/**
 * The journal of a run, a page at a time, so that what is held does not grow with it. Nothing for a run that is unknown.
 *
 * A page with a snapshot replaces all pages before it: it is the first, or the journal was compacted meanwhile, or another
 * run has begun under the id.
 *
 * @param after - the entry up to which it is known. Default: nothing is known
 * @throws {RunNotFoundError} if the run is removed meanwhile
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
