import { useEffect } from 'preact/hooks';
import { useResource } from './resource.js';
import { type Store, useStore } from './store.js';

/** The latest state from the stream or from a request. Sends one request at first, and another after each `reload`. */
export function useKnown<Value>(path: string, store: Store<Value | undefined>) {
  const told = useStore(store);
  const { data, error, reload } = useResource<Value>(path);
  // A response is newer than the last event of the stream, so it replaces the state.
  useEffect(() => {
    if (data !== undefined) store.set(data);
  }, [data, store]);
  return { data: told ?? data, error, reload };
}
