import { visible } from '../../src/dashboard/graph/text.js';
import { clockTime } from '../format.js';
import { Icon } from '../parts/icon.js';
import { connection, engine, overview } from '../state/live.js';
import { useStore } from '../state/store.js';
import { reopen } from '../state/stream/index.js';
import type { Connection as Link } from '../state/stream/news.js';

/** `engine-away`: the server answers, but reports that its engine does not. */
type State = Link | 'engine-away';

const texts: Readonly<Record<State, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  'engine-away': 'No engine',
  reconnecting: 'Reconnecting',
  unauthorized: 'Locked',
};

/** The connection state, as a button that reconnects. */
export function Connection() {
  const link = useStore(connection);
  const known = useStore(engine);
  const state: State = link === 'live' && known?.isAnswering === false ? 'engine-away' : link;
  return (
    <button
      type="button"
      class={`connection is-${state}`}
      data-state={state}
      title={titleOf(state, known?.since, known?.problem)}
      onClick={reopen}
    >
      <span class="connection-dot" />
      <span role="status">{texts[state]}</span>
    </button>
  );
}

function titleOf(state: State, since: number | undefined, problem = ''): string {
  if (state === 'reconnecting') return 'The server does not answer. Click to try again now';
  if (state !== 'engine-away') return 'Connected: changes appear as they happen';
  const time = since === undefined ? 'an earlier time' : clockTime(since);
  return `The engine does not answer: ${visible(problem)}. The page shows the state of ${time}`;
}

/** A warning above every view while the engine does not answer, because all data shown may be out of date. */
export function EngineAway() {
  const link = useStore(connection);
  const known = useStore(engine);
  const missing = useStore(overview, (seen) => seen?.distributed?.missing);
  if (link !== 'live' || known === undefined) return null;
  if (known.isAnswering) return missing === undefined ? null : <ShardsAway missing={missing} />;
  return (
    <div class="callout tone-red engine-away" role="alert">
      <Icon name="alert" />
      <p>
        The engine does not answer{known.problem === undefined ? '' : `: ${visible(known.problem)}`}. The page shows the
        state of {clockTime(known.since)}.
      </p>
    </div>
  );
}

/** A warning above every view while shards do not answer, because all lists lack their runs. */
function ShardsAway({ missing }: { readonly missing: readonly string[] }) {
  return (
    <div class="callout tone-red engine-away" role="alert">
      <Icon name="alert" />
      <p>The page lacks the runs and workers of a shard: {missing.map(visible).join('; ')}.</p>
    </div>
  );
}
