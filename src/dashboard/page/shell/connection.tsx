import { connection } from '../state/live.js';
import { useStore } from '../state/store.js';
import { reopen } from '../state/stream/index.js';
import type { Connection as State } from '../state/stream/news.js';

const texts: Readonly<Record<State, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  unauthorized: 'Locked',
};

/** Whether what is shown is how things stand now. */
export function Connection() {
  const state = useStore(connection);
  return (
    <button
      type="button"
      class={`connection is-${state}`}
      data-state={state}
      title={
        state === 'reconnecting'
          ? 'The server does not answer. Click to try again now'
          : 'Changes are shown as they happen'
      }
      onClick={reopen}
    >
      <span class="connection-dot" />
      <span role="status">{texts[state]}</span>
    </button>
  );
}
