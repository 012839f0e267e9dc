import { useEffect, useRef } from 'preact/hooks';
import { visible } from '../src/dashboard/graph/text.js';
import { Dialogs } from './dialogs/dialogs.js';
import { Empty } from './parts/states.js';
import { Toasts } from './parts/toasts.js';
import { EngineAway } from './shell/connection.js';
import { Header } from './shell/header.js';
import { Unlock } from './shell/unlock-page.js';
import { focusContent } from './state/focus.js';
import { connection, overview } from './state/live.js';
import { hrefOf, type Route, route } from './state/route.js';
import { useStore } from './state/store.js';
import { watchRun } from './state/stream/index.js';
import { DeadLettersView } from './views/dead-letters.js';
import { LoopsPage } from './views/loops/loops.js';
import { QueuesPage } from './views/queues.js';
import { RunPage } from './views/run/run.js';
import { RunsPage } from './views/runs/runs.js';
import { WorkersPage } from './views/workers.js';

export function App() {
  const place = useStore(route);
  const title = useStore(overview, (known) => known?.title);
  const isLocked = useStore(connection, (state) => state === 'unauthorized');
  useEffect(() => {
    document.title = `${titleOf(place)} · ${title ?? 'Dashboard'}`;
  }, [place, title]);
  const shown = useRef(place);
  useEffect(() => {
    const { view, runId } = shown.current;
    shown.current = place;
    if (view === place.view && runId === place.runId) return;
    if (place.runId !== undefined) scrollTo({ top: 0 });
    focusContent();
  }, [place]);
  useEffect(() => watchRun(place.view === 'runs' ? place.runId : undefined), [place]);
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to content
      </button>
      <Header place={place} />
      <main id="main" class="main" tabIndex={-1} aria-label={titleOf(place)}>
        <EngineAway />
        {isLocked ? <Unlock /> : <View place={place} />}
      </main>
      <Dialogs />
      <Toasts />
    </>
  );
}

/** Moves the focus without changing the part of the address after the `#`, which holds the route. */
function skip(): void {
  document.getElementById('main')?.focus();
}

function View({ place }: { readonly place: Route }) {
  switch (place.view) {
    case 'runs':
      return place.runId === undefined ? (
        <RunsPage place={place} />
      ) : (
        <RunPage key={place.runId} place={place} runId={place.runId} />
      );
    case 'workers':
      return <WorkersPage />;
    case 'queues':
      return <QueuesPage />;
    case 'loops':
      return <LoopsPage />;
    case 'dead-letters':
      return <DeadLettersView place={place} />;
    case 'missing':
      return (
        <Empty heading="h1" icon="search" title="There is no such page">
          <p>
            The address may be mistyped. <a href={hrefOf({ view: 'runs' })}>Go to the runs</a>
          </p>
        </Empty>
      );
  }
}

const titles: Readonly<Record<Route['view'], string>> = {
  runs: 'Runs',
  workers: 'Workers',
  queues: 'Queues',
  loops: 'Loops',
  'dead-letters': 'Dead letters',
  missing: 'Not found',
};

function titleOf({ view, runId, section }: Route): string {
  if (runId === undefined) return titles[view];
  return `${visible(runId).slice(0, 100)}${section === undefined ? '' : ` · ${section}`}`;
}
