import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { EventsPage, EventView } from '../../../src/dashboard/api/index.js';
import { runPath } from '../../state/actions.js';
import { on } from '../../state/live.js';
import { get, RequestError } from '../../state/request.js';

const pageSize = 200;

interface EventLog {
  readonly events: readonly EventView[];
  readonly hasMore: boolean;
  readonly error: RequestError | undefined;
  readonly isLoading: boolean;
}

const empty: EventLog = { events: [], hasMore: false, error: undefined, isLoading: true };

/** Reads the events of a run from the beginning. Follows new events once all existing events have been read. */
export function useEvents(runId: string) {
  const [log, setLog] = useState<EventLog>(empty);
  const current = useRef(log);
  current.current = log;
  const isReading = useRef(false);
  const read = useCallback(async () => {
    if (isReading.current) return;
    isReading.current = true;
    const after = current.current.events.at(-1)?.seq ?? 0;
    try {
      const page = await get<EventsPage>(`${runPath(runId)}/events?after=${after}&limit=${pageSize}`);
      setLog(({ events }) => ({ ...page, events: joined(events, page.events), error: undefined, isLoading: false }));
    } catch (error) {
      const problem = error instanceof RequestError ? error : new RequestError(String(error), 'internal');
      setLog((last) => ({ ...last, error: problem, isLoading: false }));
    } finally {
      isReading.current = false;
    }
  }, [runId]);
  useEffect(() => {
    void read();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const follow = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        if (!current.current.hasMore) void read();
      }, 400);
    };
    const ends = [on('run', (event) => event.runId === runId && follow()), on('reconnected', follow)];
    return () => {
      clearTimeout(timer);
      for (const end of ends) end();
    };
  }, [runId, read]);
  return { ...log, readMore: read };
}

function joined(events: readonly EventView[], more: readonly EventView[]): readonly EventView[] {
  const last = events.at(-1)?.seq ?? 0;
  return [...events, ...more.filter(({ seq }) => seq > last)];
}
