/** Calls an observer. If the observer throws or rejects, the error is ignored. */
export function quietly(call: () => unknown): void {
  try {
    const returned = call() as { readonly then?: unknown } | null | undefined;
    if (typeof returned?.then === 'function') returned.then(undefined, () => undefined);
  } catch {}
}
