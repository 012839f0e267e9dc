import type { Route } from '../../state/route.js';

/** Filters of the list of runs, kept in the address. */
export interface RunsQuery {
  readonly statuses: readonly string[];
  readonly workflow: string;
  readonly text: string;
  readonly range: RangeName | 'custom';
  /** Bounds of a custom range, in epoch milliseconds. */
  readonly after: string;
  readonly before: string;
  /** Order by time of creation. */
  readonly order: 'newest' | 'oldest';
  readonly cursor: string;
}

export const ranges = {
  all: ['Any time', 0],
  '15m': ['Last 15 minutes', 15 * 60_000],
  '1h': ['Last hour', 3_600_000],
  '24h': ['Last 24 hours', 86_400_000],
  '7d': ['Last 7 days', 7 * 86_400_000],
} as const;
export type RangeName = keyof typeof ranges;

export const pageSize = 50;

export function queryOf({ query }: Route): RunsQuery {
  const { status = '', workflow = '', text = '', range = 'all', after = '', before = '', order, cursor = '' } = query;
  return {
    statuses: status === '' ? [] : status.split(','),
    workflow,
    text,
    range: range === 'custom' ? range : Object.hasOwn(ranges, range) ? (range as RangeName) : 'all',
    after,
    before,
    order: order === 'oldest' ? order : 'newest',
    cursor,
  };
}

/** The query as part of the address. Changing a filter goes back to the first page. */
export function addressOf(query: RunsQuery): Record<string, string> {
  const { statuses, workflow, text, range, after, before, order, cursor } = query;
  return {
    status: statuses.join(','),
    workflow,
    text,
    range: range === 'all' ? '' : range,
    ...(range === 'custom' ? { after, before } : {}),
    order: order === 'newest' ? '' : order,
    cursor,
  };
}

/** The path in the API. A range until now begins at a full minute, so that the path stays the same for a while. */
export function pathOf(query: RunsQuery, now: number, more: Readonly<Record<string, string | number>> = {}): string {
  const { statuses, workflow, text, range, after, before, order, cursor } = query;
  const span = range === 'custom' ? 0 : ranges[range][1];
  const begin = span === 0 ? '' : String(Math.floor((now - span) / 60_000) * 60_000);
  const parameters = {
    status: statuses.join(','),
    workflow,
    text,
    after: range === 'custom' ? after : begin,
    before: range === 'custom' ? before : '',
    order: order === 'newest' ? '' : order,
    limit: pageSize,
    cursor,
    ...more,
  };
  const entries = Object.entries(parameters).flatMap(([key, value]) => (value === '' ? [] : [[key, String(value)]]));
  return `runs?${new URLSearchParams(entries)}`;
}

export function isFiltered({ statuses, workflow, text, range }: RunsQuery): boolean {
  return statuses.length > 0 || workflow !== '' || text !== '' || range !== 'all';
}
