import type { DistributedOrchestrator, RunEvent } from '../../distributed/index.js';
import { aCount, aValue } from '../../shared/validate.js';
import type { EventsPage, EventView } from '../api/index.js';
import type { Redactor } from '../redaction/redactor.js';
import { errorView } from '../redaction/views.js';
import { numberIn } from './runs.js';
import { fleetOf, type Watched } from './watched.js';

export const aPageSize = aValue<number>(
  'a whole number from 1 to 1000',
  (value) => Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= 1_000,
);

/**
 * Returns the events of a run that match the query.
 *
 * @throws {ValidationError} if a parameter is not valid
 * @throws {RunNotFoundError} if the run does not exist
 */
export async function eventsPage(watched: Watched, runId: string, query: URLSearchParams): Promise<EventsPage> {
  const after = aCount(numberIn(query, 'after') ?? 0, 'after');
  const limit = aPageSize(numberIn(query, 'limit') ?? 200, 'limit');
  const events = await eventsBehind(fleetOf(watched), runId, after, limit + 1);
  const page = events.slice(0, limit);
  return { events: page.map((event) => eventView(event, watched.redactor)), hasMore: events.length > limit };
}

/** Reads the existing events, without waiting for more. */
async function eventsBehind(
  orchestrator: DistributedOrchestrator,
  runId: string,
  after: number,
  limit: number,
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of orchestrator.events(runId, { after, follow: false })) {
    events.push(event);
    if (events.length === limit) break;
  }
  return events;
}

function eventView(event: RunEvent, redactor: Redactor): EventView {
  const { seq, time, type, nodeId, attempt, workerId, duration } = event;
  const detail = detailOf(event, redactor);
  return {
    seq,
    time,
    type,
    ...(nodeId === undefined ? {} : { nodeId }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(workerId === undefined ? {} : { workerId }),
    ...(duration === undefined ? {} : { duration }),
    ...(detail === undefined ? {} : { detail }),
  };
}

function detailOf({ error, delay, event, status }: RunEvent, redactor: Redactor): string | undefined {
  if (error === undefined) return event ?? status;
  const { name, message } = errorView(error, redactor);
  return `${name}: ${message}${delay === undefined ? '' : `; retry after ${Math.round(delay)} ms`}`;
}
