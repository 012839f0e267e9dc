import { useCallback, useMemo, useRef } from 'preact/hooks';
import { Button } from '../../parts/button.js';
import { Payload } from '../../parts/scroll.js';
import { Empty, Failed, Skeleton } from '../../parts/states.js';
import { overview } from '../../state/live.js';
import { go, type Route } from '../../state/route.js';
import { useStore } from '../../state/store.js';
import { Filters } from './filters.js';
import { mostNewer, useRuns } from './list.js';
import { Paging } from './paging.js';
import { addressOf, isFiltered, queryOf, type RunsQuery } from './query.js';
import { StatusChips } from './status-chips.js';
import { RunsTable } from './table.js';

export function RunsPage({ place }: { readonly place: Route }) {
  const isDistributed = useStore(overview, (known) => known === undefined || known.distributed !== undefined);
  if (!isDistributed) {
    return (
      <Empty heading="h1" icon="inbox" title="This dashboard shows no runs">
        <p>
          It was created without a fleet. Give <code>createDashboard</code> a <code>DistributedOrchestrator</code> as{' '}
          <code>distributed</code>.
        </p>
      </Empty>
    );
  }
  return <Runs place={place} />;
}

function Runs({ place }: { readonly place: Route }) {
  const key = JSON.stringify(place.query);
  const query = useMemo(() => queryOf(place), [key]);
  const { page: read, error, newer, reload, showNewer, path } = useRuns(query);
  // While the next page loads, the previous page stays visible and keeps the focus.
  const list = JSON.stringify({ ...query, cursor: '' });
  const last = useRef({ list, page: read });
  if (read !== undefined || error !== undefined || last.current.list !== list) last.current = { list, page: read };
  const { page } = last.current;
  const change = useCallback(
    (changes: Partial<RunsQuery>, options?: { readonly replace?: boolean }) => {
      go({ view: 'runs', query: addressOf({ ...query, cursor: '', ...changes }) }, options);
    },
    [query],
  );
  return (
    <div class="view">
      <h1 class="off-screen">Runs</h1>
      <StatusChips query={query} onChange={change} />
      <Filters query={query} onChange={change} />
      {newer > 0 && (
        <div class="newer">
          <Button icon="up" onClick={showNewer}>
            {newer > mostNewer ? `${mostNewer}+` : newer} newer {newer === 1 ? 'run' : 'runs'}
          </Button>
        </div>
      )}
      {page !== undefined && page.runs.length > 0 && (
        <>
          <RunsTable runs={page.runs} onChanged={reload} />
          <Paging query={query} page={page} isRead={read !== undefined} onChange={change} />
        </>
      )}
      {page !== undefined && page.runs.length === 0 && <NoRuns query={query} onChange={change} />}
      {page === undefined && error === undefined && <Skeleton rows={12} />}
      {page === undefined && error !== undefined && <Failed key={path} error={error} onRetry={reload} />}
    </div>
  );
}

interface NoRunsProps {
  readonly query: RunsQuery;
  readonly onChange: (changes: Partial<RunsQuery>) => void;
}

function NoRuns({ query, onChange }: NoRunsProps) {
  if (query.cursor !== '') {
    return (
      <Empty icon="inbox" title="There are no more runs">
        <Button onClick={() => onChange({})}>First page</Button>
      </Empty>
    );
  }
  if (!isFiltered(query)) {
    return (
      <Empty icon="inbox" title="No runs yet">
        <p>Runs appear here as soon as they are started:</p>
        <Payload label="Example">{'const runId = await orchestrator.startRun({}, input);'}</Payload>
      </Empty>
    );
  }
  return (
    <Empty icon="search" title="No matching runs">
      <p>No run matches all filters.</p>
      <Button onClick={() => onChange({ statuses: [], workflow: '', text: '', range: 'all' })}>Clear filters</Button>
    </Empty>
  );
}
