import type { LoopsView } from '../../../src/dashboard/api/index.js';
import { counted, rate } from '../../format.js';
import { Empty, Failed, Skeleton } from '../../parts/states.js';
import { Status } from '../../parts/status.js';
import { useKnown } from '../../state/known.js';
import { loops, overview } from '../../state/live.js';
import { useStore } from '../../state/store.js';
import { LoopCard } from './loop-card.js';

export function LoopsPage() {
  const { data, error, reload } = useKnown<LoopsView>('loops', loops);
  const isWatched = useStore(overview, (known) => known === undefined || known.loops !== undefined);
  const hasLoops = data !== undefined && data.loops.length > 0;
  return (
    <div class="view">
      <div class="view-head">
        <h1>Loops</h1>
        {hasLoops && <Status status={data.status} />}
        {hasLoops && <Sum data={data} />}
      </div>
      {data === undefined &&
        isWatched &&
        (error === undefined ? <Skeleton rows={6} /> : <Failed error={error} onRetry={reload} />)}
      {(data?.loops.length === 0 || !isWatched) && <NoLoops isWatched={isWatched} />}
      {hasLoops && (
        <ul class="cards">
          {data.loops.map((loop) => (
            <LoopCard key={loop.loopId} loop={loop} onChanged={reload} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Sum({ data: { loops: all } }: { readonly data: LoopsView }) {
  const running = all.filter(({ state }) => state === 'running').length;
  const perSecond = all.reduce((sum, { iterationsPerSecond }) => sum + iterationsPerSecond, 0);
  return (
    <p class="view-sum">
      {running} of {counted(all.length, 'loop')} running, {rate(perSecond)} in all
    </p>
  );
}

function NoLoops({ isWatched }: { readonly isWatched: boolean }) {
  return (
    <Empty icon="again" title={isWatched ? 'No loops are loaded' : 'This dashboard shows no loops'}>
      {isWatched ? (
        <p>
          Loops appear here after <code>load</code> has been called on the <code>WorkflowOrchestrator</code>.
        </p>
      ) : (
        <p>
          It was created without loops. Give <code>createDashboard</code> a <code>WorkflowOrchestrator</code> as{' '}
          <code>loops</code>.
        </p>
      )}
    </Empty>
  );
}
