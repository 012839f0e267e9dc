/** Calls code of others that only looks on: what it throws, or rejects with, harms nobody. */
export function quietly(call: () => unknown): void {
  try {
    const returned = call() as { readonly then?: unknown } | null | undefined;
    if (typeof returned?.then === 'function') returned.then(undefined, () => undefined);
  } catch {
    // Nobody can be told.
  }
}
