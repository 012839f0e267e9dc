import type { LoopsView } from '../../../src/dashboard/api/index.js';
import { visible } from '../../../src/dashboard/graph/text.js';
import { count, formatDuration, rate, shortCount } from '../../format.js';
import { Button } from '../../parts/button.js';
import { Sparkline } from '../../parts/sparkline.js';
import { Status } from '../../parts/status.js';
import { Name } from '../../parts/text.js';
import { commandLoop } from '../../state/actions.js';
import { overview } from '../../state/live.js';
import { recentRates } from '../../state/rates.js';
import { useStore } from '../../state/store.js';
import { LoopNodes } from './loop-nodes.js';

type Loop = LoopsView['loops'][number];

interface LoopCardProps {
  readonly loop: Loop;
  readonly onChanged: () => void;
}

export function LoopCard({ loop, onChanged }: LoopCardProps) {
  const { loopId, state, error, iterationsPerSecond, nodes } = loop;
  const failing = nodes.filter((node) => node.state !== 'healthy').length;
  return (
    <li class="card loop">
      <div class="loop-head">
        <div class="loop-title">
          <h2 class="loop-name">
            <Name>{loopId}</Name>
          </h2>
          <Status status={state} />
        </div>
        <div class="loop-rate">
          <span class="loop-rate-number number">{rate(iterationsPerSecond)}</span>
          <Sparkline values={[...recentRates(loopId)]} label={`Iterations a second of ${visible(loopId)}, lately`} />
        </div>
        <Figures loop={loop} />
        <LoopActions loop={loop} onChanged={onChanged} />
      </div>
      {error !== undefined && error !== null && <p class="loop-error tone-ink-red">{visible(error)}</p>}
      <details class="loop-nodes">
        <summary>
          {nodes.length} {nodes.length === 1 ? 'node' : 'nodes'}
          {failing > 0 && <span class="tone-ink-orange"> · {failing} not healthy</span>}
        </summary>
        <LoopNodes nodes={nodes} />
      </details>
    </li>
  );
}

function LoopActions({ loop: { loopId, state }, onChanged }: LoopCardProps) {
  const hasActions = useStore(overview, (known) => known?.hasActions ?? false);
  if (!hasActions) return null;
  const isOff = state === 'stopped' || state === 'error';
  const name = visible(loopId);
  return (
    <div class="actions">
      {isOff && (
        <Button icon="play" onClick={() => commandLoop('start', loopId, onChanged)}>
          Start<span class="off-screen"> {name}</span>
        </Button>
      )}
      {state === 'running' && (
        <Button icon="pause" onClick={() => commandLoop('pause', loopId, onChanged)}>
          Pause<span class="off-screen"> {name}</span>
        </Button>
      )}
      {state === 'paused' && (
        <Button icon="play" onClick={() => commandLoop('resume', loopId, onChanged)}>
          Resume<span class="off-screen"> {name}</span>
        </Button>
      )}
      {!isOff && (
        <Button icon="stop" isDisabled={state === 'stopping'} onClick={() => commandLoop('stop', loopId, onChanged)}>
          Stop<span class="off-screen"> {name}</span>
        </Button>
      )}
    </div>
  );
}

function Figures({ loop }: { readonly loop: Loop }) {
  const { iterations, durations, errors, restarts, inFlight, missedTicks } = loop;
  const hasTimes = iterations > 0;
  return (
    <dl class="figures is-small">
      <Figure name="Iterations" value={shortCount(iterations)} title={count(iterations)} />
      <Figure name="Median" value={hasTimes ? formatDuration(durations.p50) : '–'} />
      <Figure name="99 %" value={hasTimes ? formatDuration(durations.p99) : '–'} />
      <Figure name="In flight" value={count(inFlight)} />
      <Figure name="Errors" value={count(errors)} tone={errors > 0 ? 'red' : undefined} />
      <Figure name="Restarts" value={count(restarts)} tone={restarts > 0 ? 'orange' : undefined} />
      {missedTicks > 0 && <Figure name="Missed ticks" value={count(missedTicks)} tone="orange" />}
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly title?: string;
  readonly tone?: 'red' | 'orange' | undefined;
}

function Figure({ name, value, title, tone }: FigureProps) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd class={`number${tone === undefined ? '' : ` tone-ink-${tone}`}`} title={title}>
        {value}
      </dd>
    </div>
  );
}
