import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { RunSummary, RunsPage } from '../../../src/dashboard/api/index.js';
import { now } from '../../state/clock.js';
import { on } from '../../state/live.js';
import { get } from '../../state/request.js';
import { useResource } from '../../state/resource.js';
import { pageSize, pathOf, type RunsQuery } from './query.js';

/** Maximum number of newer runs that are counted. */
export const mostNewer = 99;

/**
 * The current state of the runs on a page. Rows keep their places: changed runs are updated in place, and newer runs are
 * only counted until the user asks for them.
 */
export function useRuns(query: RunsQuery) {
  const path = useStablePath(query);
  const { data, error, isLoading, reload, change } = useResource<RunsPage>(path, { interval: 250 });
  const [newer, setNewer] = useState(0);
  const shown = useRef<readonly RunSummary[]>([]);
  shown.current = data?.runs ?? [];
  useEffect(() => setNewer(0), [path]);

  useEffect(() => {
    const controller = new AbortController();
    const refresh = throttled(500, async () => {
      const [first] = shown.current;
      const isEnd = query.order === 'oldest' && shown.current.length < pageSize;
      if (first === undefined || isEnd) return reload();
      const [same, later] = await Promise.all([readSame(query, path, first), readNewer(query, first)]);
      if (controller.signal.aborted) return;
      const fresh = new Map(same.map((run) => [run.runId, run]));
      change((page) => ({ ...page, runs: page.runs.map((run) => newest(run, fresh.get(run.runId))) }));
      const known = new Set(shown.current.map(({ runId }) => runId));
      setNewer(later.filter((run) => isBefore(run, first) && !known.has(run.runId)).length);
    });
    const end = on('runs', ({ changed }) => {
      const statuses = new Map(changed.map(({ runId, status }) => [runId, status]));
      if (shown.current.some(({ runId }) => statuses.has(runId))) {
        change((page) => ({ ...page, runs: page.runs.map((run) => restated(run, statuses.get(run.runId))) }));
      }
      refresh();
    });
    return () => {
      end();
      controller.abort();
    };
  }, [path, query, reload, change]);

  const showNewer = useCallback(() => {
    setNewer(0);
    reload();
  }, [reload]);
  return { page: data, error, isLoading, newer, reload, showNewer, path };
}

/** Reads the current state of the runs that are shown. */
async function readSame(query: RunsQuery, path: string, first: RunSummary): Promise<readonly RunSummary[]> {
  if (query.cursor !== '' || query.order === 'oldest') return runsAt(path);
  const before = String(first.createdAt + 1);
  return runsAt(pathOf(query, now(), { before, limit: pageSize + 10 }));
}

async function readNewer(query: RunsQuery, first: RunSummary): Promise<readonly RunSummary[]> {
  if (query.cursor !== '' || query.order === 'oldest') return [];
  return runsAt(pathOf(query, now(), { after: String(first.createdAt), limit: mostNewer + 1 }));
}

/**
 * Returns true if `run` is listed before `other` when the newest run comes first. Of two runs with the same time, the
 * run with the later id comes first.
 */
function isBefore(run: RunSummary, other: RunSummary): boolean {
  return run.createdAt > other.createdAt || (run.createdAt === other.createdAt && run.runId > other.runId);
}

async function runsAt(path: string): Promise<readonly RunSummary[]> {
  return (await get<RunsPage>(path).catch(() => undefined))?.runs ?? [];
}

function newest(run: RunSummary, fresh: RunSummary | undefined): RunSummary {
  return fresh === undefined || fresh.updatedAt < run.updatedAt ? run : fresh;
}

function restated(run: RunSummary, status: RunSummary['status'] | undefined): RunSummary {
  return status === undefined || status === run.status ? run : { ...run, status };
}

/**
 * Keeps the path stable while the query stays the same. A time range that ends now moves on only when the query
 * changes.
 */
function useStablePath(query: RunsQuery): string {
  const last = useRef<{ readonly query: RunsQuery; readonly path: string } | undefined>(undefined);
  if (last.current === undefined || last.current.query !== query) last.current = { query, path: pathOf(query, now()) };
  return last.current.path;
}

/**
 * Calls the action at once, and at most once per `interval`. Calls during the interval are combined into one call at
 * the end of the interval.
 */
function throttled(interval: number, action: () => unknown): () => void {
  let isResting = false;
  let isAsked = false;
  const run = () => {
    isResting = true;
    isAsked = false;
    void action();
    setTimeout(() => {
      isResting = false;
      if (isAsked) run();
    }, interval);
  };
  return () => {
    isAsked = true;
    if (!isResting) run();
  };
}
