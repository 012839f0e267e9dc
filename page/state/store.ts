import { useEffect, useRef, useState } from 'preact/hooks';

/**
 * A value that views watch. Watchers are called at most once per frame, or four times a second if the page is in the
 * background and has no frames.
 */
export class Store<Value> {
  readonly #watchers = new Set<() => void>();
  #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  get value(): Value {
    return this.#value;
  }

  set(value: Value): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const watcher of this.#watchers) due.add(watcher);
    if (due.size > 0) schedule();
  }

  update(change: (value: Value) => Value): void {
    this.set(change(this.#value));
  }

  /** Adds a watcher. Returns a function that removes it. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
      due.delete(watcher);
    };
  }
}

/** Reads a store in a component, which renders again when the value (or the selected part) changes. */
export function useStore<Value>(store: Store<Value>): Value;
export function useStore<Value, Part>(store: Store<Value>, select: (value: Value) => Part): Part;
export function useStore<Value>(store: Store<Value>, select: (value: Value) => unknown = (value) => value): unknown {
  const [, redraw] = useState(0);
  const shown = select(store.value);
  const last = useRef({ shown, select });
  last.current = { shown, select };
  useEffect(() => {
    const look = () => {
      if (!Object.is(last.current.select(store.value), last.current.shown)) redraw((count) => count + 1);
    };
    look();
    return store.watch(look);
  }, [store]);
  return shown;
}

const due = new Set<() => void>();
let frame: number | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

function schedule(): void {
  if (frame !== undefined) return;
  frame = requestAnimationFrame(flush);
  timer = setTimeout(flush, 250);
}

function flush(): void {
  if (frame !== undefined) cancelAnimationFrame(frame);
  clearTimeout(timer);
  frame = undefined;
  const watchers = [...due];
  due.clear();
  for (const watcher of watchers) watcher();
}
