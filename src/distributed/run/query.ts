import { isClean } from '../../shared/text.js';
import { aFinite, aName, anObjectOf, aValue, invalid } from '../../shared/validate.js';
import { aText } from '../engines/texts.js';
import {
  type RunCursor,
  type RunFilter,
  type RunQuery,
  type RunRecord,
  type RunStatus,
  runStatuses,
} from '../run-info.js';

const isStatus = (value: unknown) => runStatuses.includes(value as never);

const readFilter = anObjectOf<RunFilter>(
  {
    status: aValue(`one of ${runStatuses.join(', ')}, or an array of them`, (value) =>
      Array.isArray(value) ? value.length > 0 && value.every(isStatus) : isStatus(value),
    ),
    workflow: aText,
    version: aText,
    after: aFinite,
    before: aFinite,
    text: aText,
    order: aValue('newest or oldest', (value) => value === 'newest' || value === 'oldest'),
    limit: aValue(
      'a whole number from 1 to 1000',
      (value) => Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= 1_000,
    ),
    cursor: aName,
  },
  'status',
);

/**
 * Completes a filter with its defaults.
 *
 * @throws {ValidationError} for a filter that is not valid
 */
export function queryOf(filter: RunFilter | RunStatus | readonly RunStatus[]): RunQuery {
  const {
    status,
    workflow,
    version,
    after = 0,
    before = 2 ** 52,
    text,
    order = 'newest',
    limit = 50,
    cursor,
  } = readFilter(Array.isArray(filter) ? { status: filter } : filter);
  const statuses = status === undefined ? undefined : [...new Set([status].flat())];
  const from = cursor === undefined ? undefined : readCursor(cursor);
  return {
    statuses,
    workflow,
    version,
    after: wholeTime(after),
    before: wholeTime(before),
    text,
    order,
    limit,
    cursor: from,
  };
}

/** Rounds a time up to a whole number, because times of creation are whole numbers. */
function wholeTime(time: number): number {
  return Math.min(Math.ceil(time), 2 ** 52);
}

/** Encodes the position of a run in a list. */
export function cursorOf({ createdAt, runId }: RunRecord): string {
  return Buffer.from(JSON.stringify([createdAt, runId])).toString('base64url');
}

function readCursor(text: string): RunCursor {
  try {
    const [createdAt, runId] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [unknown, unknown];
    if (Number.isSafeInteger(createdAt) && typeof runId === 'string' && isClean(runId))
      return { createdAt: createdAt as number, runId };
  } catch {
    // Not a cursor: reported below.
  }
  throw invalid('cursor', 'the cursor of a page', text);
}
