import type { WorkerView } from '../../src/dashboard/api/index.js';
import { visible } from '../../src/dashboard/graph/text.js';
import { count, formatDuration } from '../format.js';
import { Bar } from '../parts/bar.js';
import { Button } from '../parts/button.js';
import { Payload, Scroll } from '../parts/scroll.js';
import { Empty, Failed, Skeleton } from '../parts/states.js';
import { Status } from '../parts/status.js';
import { Ago, Count, Id, Name } from '../parts/text.js';
import { forgetWorkers } from '../state/actions.js';
import { useKnown } from '../state/known.js';
import { overview, workers } from '../state/live.js';
import { useStore } from '../state/store.js';

export function WorkersPage() {
  const { data, error, reload } = useKnown<readonly WorkerView[]>('workers', workers);
  const isWatched = useStore(overview, (known) => known === undefined || known.distributed !== undefined);
  const hasActions = useStore(overview, (known) => known?.hasActions ?? false);
  const silent = (data ?? []).filter(({ alive }) => !alive).map(({ workerId }) => workerId);
  return (
    <div class="view">
      <div class="view-head">
        <h1>Workers</h1>
        {data !== undefined && <Sum workers={data} />}
        {hasActions && silent.length > 0 && (
          <Button icon="close" onClick={() => forgetWorkers(silent, reload)}>
            Forget {count(silent.length)} silent
          </Button>
        )}
      </div>
      {data === undefined && (error === undefined ? <Skeleton rows={4} /> : <Failed error={error} onRetry={reload} />)}
      {data?.length === 0 && <NoWorkers isWatched={isWatched} />}
      {data !== undefined && data.length > 0 && <WorkersTable workers={data} />}
    </div>
  );
}

function Sum({ workers: all }: { readonly workers: readonly WorkerView[] }) {
  const alive = all.filter((worker) => worker.alive);
  const busy = alive.reduce((sum, { active }) => sum + active, 0);
  const room = alive.reduce((sum, { concurrency }) => sum + concurrency, 0);
  if (all.length === 0) return null;
  return (
    <p class="view-sum">
      {alive.length} of {all.length} alive, {count(busy)} of {count(room)} places busy
    </p>
  );
}

function NoWorkers({ isWatched }: { readonly isWatched: boolean }) {
  return (
    <Empty icon="inbox" title={isWatched ? 'No workers' : 'This dashboard shows no workers'}>
      <p>
        {isWatched
          ? 'Runs wait for a worker. Start one with the same engine:'
          : 'It was created without a fleet and shows only loops.'}
      </p>
      {isWatched && <Payload label="Example">{'orchestrator worker flows.ts --engine postgres://…'}</Payload>}
    </Empty>
  );
}

function WorkersTable({ workers: all }: { readonly workers: readonly WorkerView[] }) {
  const sorted = [...all].sort((one, other) => {
    return Number(other.alive) - Number(one.alive) || one.workerId.localeCompare(other.workerId);
  });
  return (
    <Scroll class="sheet is-scrolling" label="Workers">
      <table class="table">
        <thead>
          <tr>
            <th>Status</th>
            <th>Worker</th>
            <th>Load</th>
            <th>Host</th>
            <th>Workflows</th>
            <th class="is-right">Completed</th>
            <th class="is-right">Failed</th>
            <th class="is-right">Retried</th>
            <th class="is-right">Up</th>
            <th class="is-right">Seen</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((worker) => (
            <WorkerRow key={worker.workerId} worker={worker} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function WorkerRow({ worker }: { readonly worker: WorkerView }) {
  const { workerId, alive, status, active, concurrency, host, pid, workflows, seenAt } = worker;
  const { completed, failed, retried, startedAt } = worker;
  return (
    <tr class={alive ? '' : 'is-faded'}>
      <td>
        <Status status={alive ? (status === 'stopping' ? 'stopping' : 'alive') : 'silent'} />
      </td>
      <td class="is-id">
        <Id>{workerId}</Id>
      </td>
      <td>
        <span class="load">
          <Bar value={alive ? active : 0} of={concurrency} label={`Load of ${workerId}`} />
          <span class="number">
            {alive ? active : 0}/{concurrency}
          </span>
        </span>
      </td>
      <td class="is-host">
        <Name>{host}</Name> <span class="muted number">pid {pid}</span>
      </td>
      <td class="is-wide">
        <Workflows names={workflows} />
      </td>
      <td class="is-right">
        <Count>{completed}</Count>
      </td>
      <td class={`is-right${failed > 0 ? ' tone-ink-red' : ' muted'}`}>
        <Count>{failed}</Count>
      </td>
      <td class={`is-right${retried > 0 ? ' tone-ink-orange' : ' muted'}`}>
        <Count>{retried}</Count>
      </td>
      <td class="is-right number">{formatDuration(Math.max(0, seenAt - startedAt))}</td>
      <td class="is-right">
        <Ago time={seenAt} />
      </td>
    </tr>
  );
}

function Workflows({ names }: { readonly names: readonly string[] }) {
  const shown = names.slice(0, 2);
  return (
    <span class="tags">
      {shown.map((name) => (
        <span key={name} class="tag">
          <Name>{name}</Name>
        </span>
      ))}
      {names.length > shown.length && (
        <span class="muted" title={names.slice(2, 40).map(visible).join('\n')}>
          +{names.length - shown.length}
        </span>
      )}
    </span>
  );
}
