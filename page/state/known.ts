import { useEffect } from 'preact/hooks';
import { useResource } from './resource.js';
import { type Store, useStore } from './store.js';

/** What the stream tells of; read once where it has not told yet, and where one asks for it. */
export function useKnown<Value>(path: string, store: Store<Value | undefined>) {
  const told = useStore(store);
  const { data, error, reload } = useResource<Value>(path);
  // What was read after the stream told of it is newer.
  useEffect(() => {
    if (data !== undefined) store.set(data);
  }, [data, store]);
  return { data: told ?? data, error, reload };
}
