import type { QueuesView } from '../../src/dashboard/api/index.js';
import type { Tone } from '../../src/dashboard/graph/appearance.js';
import { visible } from '../../src/dashboard/graph/text.js';
import { count, formatDuration } from '../format.js';
import { Bar } from '../parts/bar.js';
import { Scroll } from '../parts/scroll.js';
import { Empty, Failed, Skeleton } from '../parts/states.js';
import { Count, Name } from '../parts/text.js';
import { useKnown } from '../state/known.js';
import { queues } from '../state/live.js';

type Fleet = NonNullable<QueuesView['fleet']>;

export function QueuesPage() {
  const { data, error, reload } = useKnown<QueuesView>('queues', queues);
  if (data === undefined) {
    return (
      <div class="view">
        <div class="view-head">
          <h1>Queues</h1>
        </div>
        {error === undefined ? <Skeleton rows={5} /> : <Failed error={error} onRetry={reload} />}
      </div>
    );
  }
  const { fleet, loops } = data;
  return (
    <div class="view">
      <div class="view-head">
        <h1>Queues</h1>
      </div>
      {fleet !== undefined && <FleetQueue fleet={fleet} />}
      {loops.length > 0 && <LoopQueues queues={loops} />}
      {fleet === undefined && loops.length === 0 && (
        <Empty icon="inbox" title="No queues">
          <p>
            The <code>queues</code> of a workflow of loops appear here, with their fill levels.
          </p>
        </Empty>
      )}
    </div>
  );
}

const states: readonly (readonly [keyof Fleet, Tone, string])[] = [
  ['active', 'blue', 'are executed by workers'],
  ['waiting', 'slate', 'are ready, and wait for a free worker'],
  ['delayed', 'violet', 'wait for their time: retries, sleeps, delayed starts'],
];

function FleetQueue({ fleet }: { readonly fleet: Fleet }) {
  const total = states.reduce((sum, [name]) => sum + fleet[name], 0);
  return (
    <section class="card" aria-label="Queue of the fleet">
      <header class="card-head">
        <h2>Fleet</h2>
        <p class="muted">{total === 0 ? 'Nothing to do' : `${count(total)} jobs`}</p>
      </header>
      <span class="stack-bar" aria-hidden="true">
        {states.map(([name, tone]) => (
          <span key={name} class={`stack-part tone-${tone}`} style={{ flexGrow: fleet[name] }} />
        ))}
      </span>
      <dl class="figures">
        {states.map(([name, tone, text]) => (
          <div key={name} class="figure">
            <dt>
              <span class={`swatch tone-${tone}`} />
              {name}
            </dt>
            <dd class="figure-number number">{count(fleet[name])}</dd>
            <dd class="figure-text">{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function LoopQueues({ queues: all }: { readonly queues: QueuesView['loops'] }) {
  return (
    <section class="section">
      <h2>Between loops</h2>
      <Scroll class="sheet is-scrolling" label="Queues between loops">
        <table class="table">
          <thead>
            <tr>
              <th>Queue</th>
              <th>Filled</th>
              <th class="is-right">In work</th>
              <th class="is-right">Oldest</th>
              <th class="is-right">Pushed</th>
              <th class="is-right">Done</th>
              <th class="is-right">Dropped</th>
              <th class="is-right">Blocked</th>
            </tr>
          </thead>
          <tbody>
            {all.map((queue) => (
              <QueueRow key={queue.queue} queue={queue} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function QueueRow({ queue: metrics }: { readonly queue: QueuesView['loops'][number] }) {
  const { queue, depth, unacknowledged, capacity, age, pushed, acknowledged, dropped, blocked } = metrics;
  const share = (depth + unacknowledged) / capacity;
  const tone = share >= 0.9 ? 'red' : share >= 0.6 ? 'orange' : 'blue';
  return (
    <tr>
      <td>
        <Name class="is-strong">{queue}</Name>
      </td>
      <td>
        <span class="load is-wide">
          <Bar value={depth + unacknowledged} of={capacity} tone={tone} label={`Filled part of ${visible(queue)}`} />
          <span class="number">
            {count(depth + unacknowledged)} of {count(capacity)}
          </span>
        </span>
      </td>
      <td class="is-right">
        <Count>{unacknowledged}</Count>
      </td>
      <td class="is-right number">{depth === 0 ? <span class="muted">–</span> : formatDuration(age)}</td>
      <td class="is-right">
        <Count>{pushed}</Count>
      </td>
      <td class="is-right">
        <Count>{acknowledged}</Count>
      </td>
      <td class={`is-right${dropped > 0 ? ' tone-ink-red' : ' muted'}`}>
        <Count>{dropped}</Count>
      </td>
      <td class={`is-right${blocked > 0 ? ' tone-ink-orange' : ' muted'}`}>
        <Count>{blocked}</Count>
      </td>
    </tr>
  );
}
