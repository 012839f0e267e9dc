import type { RunFilter, RunInfo, RunStatus } from '../../distributed/index.js';
import { cut } from '../../shared/text.js';
import type { RunSummary, RunsPage } from '../api/index.js';
import type { Redactor } from '../redaction/redactor.js';
import { partly } from './partly.js';
import { fleetOf, type Watched } from './watched.js';

/**
 * Returns the runs that match the query.
 *
 * @throws {ValidationError} if a filter is invalid
 */
export async function runsPage(watched: Watched, query: URLSearchParams): Promise<RunsPage> {
  const { runs, cursor } = await fleetOf(watched).listRuns(filterOf(query), partly);
  return { runs: runs.map((run) => runSummary(run, watched.redactor)), ...(cursor === undefined ? {} : { cursor }) };
}

/** Maximum length of an error, in characters: in a list, which may have a thousand runs, and for a single run. */
const longestListed = 1_000;
export const longestError = 20_000;

export function runSummary(run: RunInfo, redactor: Redactor, longest = longestListed): RunSummary {
  const { runId, workflow, version, status, priority, createdAt, startAt, updatedAt } = run;
  const { finishedAt, deadline, error } = run;
  return {
    runId,
    workflow,
    version,
    status,
    priority,
    createdAt,
    startAt,
    updatedAt,
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(error === undefined ? {} : { error: beginOf(error, redactor, longest) }),
  };
}

/** Shortens an error text. A little more than the displayed part is masked, so that no secret is cut in half. */
function beginOf(text: string, redactor: Redactor, longest: number): string {
  const begin = redactor.text(cut(text, longest + 1_000));
  return begin.length <= longest ? begin : `${cut(begin, longest - 1)}…`;
}

function filterOf(query: URLSearchParams): RunFilter {
  const text = (name: string) => query.get(name) || undefined;
  const status = text('status')?.split(',') as RunStatus[] | undefined;
  return {
    status,
    workflow: text('workflow'),
    version: text('version'),
    text: text('text'),
    after: numberIn(query, 'after'),
    before: numberIn(query, 'before'),
    order: text('order') as RunFilter['order'],
    limit: numberIn(query, 'limit'),
    cursor: text('cursor'),
  };
}

/** Reads a number. Anything else becomes `NaN`, which the later validation refuses. */
export function numberIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  return text === null || text === '' ? undefined : Number(text);
}
