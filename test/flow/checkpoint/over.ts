import type { CheckpointStore } from 'orchestrator/flow';

/** A store with some of its methods replaced. */
export function over(store: CheckpointStore, methods: Partial<CheckpointStore>): CheckpointStore {
  return {
    claim: (...args) => store.claim(...args),
    save: (...args) => store.save(...args),
    append: (...args) => store.append(...args),
    load: (id) => store.load(id),
    delete: (...args) => store.delete(...args),
    list: () => store.list(),
    ...methods,
  };
}
