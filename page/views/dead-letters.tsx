import { useEffect, useState } from 'preact/hooks';
import type { DeadLetterView, DeadLettersView as Letters } from '../../src/dashboard/api/index.js';
import { visible } from '../../src/dashboard/graph/text.js';
import { count, counted } from '../format.js';
import { Button } from '../parts/button.js';
import { ErrorTree } from '../parts/error.js';
import { Icon } from '../parts/icon.js';
import { Empty, Failed, Skeleton } from '../parts/states.js';
import { Ago, Name } from '../parts/text.js';
import { Value } from '../parts/value.js';
import { replay } from '../state/actions.js';
import { on, overview } from '../state/live.js';
import { useResource } from '../state/resource.js';
import { go, type Route } from '../state/route.js';
import { useStore } from '../state/store.js';

const mostShown = 100;

export function DeadLettersView({ place: { query } }: { readonly place: Route }) {
  const { loop = '' } = query;
  const path = `dead-letters?${new URLSearchParams({ ...(loop === '' ? {} : { loop }), limit: String(mostShown) })}`;
  const { data, error, reload } = useResource<Letters>(path, { interval: 1_000 });
  const hasActions = useStore(overview, (known) => known?.hasActions ?? false);
  useEffect(() => on('deadLetters', reload), [reload]);
  const canReplayAll = hasActions && loop === '' && data !== undefined && data.letters.length > 0;
  return (
    <div class="view">
      <div class="view-head">
        <h1>Dead letters</h1>
        {data !== undefined && <Sum data={data} />}
        {loop !== '' && (
          <Button icon="close" onClick={() => go({ view: 'dead-letters' })}>
            of {visible(loop)}
          </Button>
        )}
        {canReplayAll && (
          <Button icon="again" onClick={() => replay(undefined, data.total, reload)}>
            Replay all
          </Button>
        )}
      </div>
      {data === undefined && (error === undefined ? <Skeleton rows={5} /> : <Failed error={error} onRetry={reload} />)}
      {data?.letters.length === 0 && <NoLetters />}
      {data !== undefined && data.letters.length > 0 && (
        <ul class="letters">
          {data.letters.map((letter) => (
            <Letter key={letter.id} letter={letter} hasActions={hasActions} onChanged={reload} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Sum({ data: { total, letters, dropped } }: { readonly data: Letters }) {
  if (total === 0) return null;
  return (
    <p class="view-sum">
      {counted(total, 'letter')}
      {letters.length < total && `, the newest ${letters.length} are shown`}
      {dropped > 0 && `, ${count(dropped)} older had to make room`}
    </p>
  );
}

function NoLetters() {
  return (
    <Empty icon="check" title="No dead letters">
      <p>
        Values that a loop’s node finally failed to process are kept here if the node’s error policy is{' '}
        <code>dead-letter</code>. They can be replayed.
      </p>
    </Empty>
  );
}

interface LetterProps {
  readonly letter: DeadLetterView;
  readonly hasActions: boolean;
  readonly onChanged: () => void;
}

function Letter({ letter, hasActions, onChanged }: LetterProps) {
  const { id, loopId, nodeId, time, error } = letter;
  const [isOpen, setOpen] = useState(false);
  return (
    <li class="card letter">
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary class="letter-head">
          <span class="letter-place">
            <Name class="is-strong">{loopId}</Name>
            <Icon name="right" size={12} />
            <Name class="is-mono">{nodeId}</Name>
          </span>
          <span class="letter-error tone-ink-red">
            {visible(error.name)}: {visible(error.message.slice(0, 300))}
          </span>
          <span class="letter-time muted">
            <Ago time={time} />
          </span>
        </summary>
        {isOpen && <LetterBody letter={letter} />}
      </details>
      {hasActions && (
        <div class="letter-actions">
          <Button icon="again" onClick={() => replay(id, 1, onChanged)}>
            Replay
          </Button>
        </div>
      )}
    </li>
  );
}

function LetterBody({ letter: { iteration, value, error, queue } }: { readonly letter: DeadLetterView }) {
  return (
    <div class="letter-body">
      <p class="muted">
        Iteration {count(iteration)}
        {queue !== undefined && (
          <>
            {' '}
            of what came from the queue <Name class="is-strong">{queue}</Name>
          </>
        )}
      </p>
      <ErrorTree error={error} />
      <Value title="Value given to the node" value={value} />
    </div>
  );
}
