import { useEffect } from 'preact/hooks';
import type { RunDetail } from '../../../src/dashboard/api/index.js';
import { Empty, Failed, Skeleton } from '../../parts/states.js';
import { Name } from '../../parts/text.js';
import { runPath } from '../../state/actions.js';
import { leaveRun } from '../../state/focus.js';
import { on } from '../../state/live.js';
import { useResource } from '../../state/resource.js';
import { hrefOf, type Route, type Section } from '../../state/route.js';
import { DataSection } from './data.js';
import { ErrorsSection } from './errors.js';
import { EventsSection } from './events.js';
import { GraphSection } from './graph/section.js';
import { RunHeader } from './header.js';
import { SectionNav } from './section-nav.js';
import { Timeline } from './timeline/timeline.js';

interface RunPageProps {
  readonly place: Route;
  readonly runId: string;
}

export function RunPage({ place, runId }: RunPageProps) {
  const { data, error, reload } = useResource<RunDetail>(runPath(runId), { interval: 500 });
  useEffect(() => {
    const ends = [
      on('run', (event) => event.runId === runId && reload()),
      on('runs', ({ changed }) => changed.some((run) => run.runId === runId) && reload()),
    ];
    return () => {
      for (const end of ends) end();
    };
  }, [runId, reload]);
  useEffect(() => () => leaveRun(runId), [runId]);
  if (data === undefined) return <Without runId={runId} error={error} onRetry={reload} />;
  if (error?.code === 'not-found') return <NotFound runId={runId} />;
  const section = place.section ?? (data.graph === undefined ? 'timeline' : 'graph');
  return (
    <div class="view">
      <RunHeader detail={data} onChanged={reload} />
      <SectionNav runId={runId} section={section} detail={data} />
      <SectionBody section={section} place={place} detail={data} />
    </div>
  );
}

interface SectionBodyProps {
  readonly section: Section;
  readonly place: Route;
  readonly detail: RunDetail;
}

function SectionBody({ section, place, detail }: SectionBodyProps) {
  switch (section) {
    case 'graph':
      return <GraphSection detail={detail} place={place} />;
    case 'timeline':
      return <Timeline detail={detail} />;
    case 'data':
      return <DataSection detail={detail} />;
    case 'errors':
      return <ErrorsSection detail={detail} />;
    case 'events':
      return <EventsSection detail={detail} />;
  }
}

interface WithoutProps {
  readonly runId: string;
  readonly error: ReturnType<typeof useResource>['error'];
  readonly onRetry: () => void;
}

function Without({ runId, error, onRetry }: WithoutProps) {
  if (error?.code === 'not-found') return <NotFound runId={runId} />;
  if (error !== undefined) return <Failed heading="h1" error={error} onRetry={onRetry} />;
  return (
    <div class="view">
      <div class="run-head-space" />
      <Skeleton rows={10} />
    </div>
  );
}

function NotFound({ runId }: { readonly runId: string }) {
  return (
    <Empty heading="h1" icon="search" title="There is no such run">
      <p>
        <Name class="is-mono">{runId}</Name>
      </p>
      <p>
        The run was never started on this engine, or it ended and its retention has passed.{' '}
        <a href={hrefOf({ view: 'runs' })}>Go to the runs</a>
      </p>
    </Empty>
  );
}
