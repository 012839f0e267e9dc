/** Maximum number of errors that are searched in one failure. */
const most = 10_000;

/** The failures that were handed out, and the records they come from. */
export class Failures {
  readonly #identities = new WeakMap<object, readonly string[]>();

  note(thrown: unknown, identities: readonly string[]): void {
    if (typeof thrown === 'object' && thrown !== null) this.#identities.set(thrown, identities);
  }

  /** Returns the identities behind a thrown value: of itself, its cause and its `errors`, at any depth. */
  in(thrown: unknown): readonly string[] {
    const found = new Set<string>();
    const seen = new Set<unknown>([thrown]);
    for (const held of seen) {
      if (typeof held !== 'object' || held === null || seen.size > most) continue;
      for (const identity of this.#identities.get(held) ?? []) found.add(identity);
      for (const inner of heldBy(held)) seen.add(inner);
    }
    return [...found];
  }
}

function heldBy(error: object): readonly unknown[] {
  try {
    const { cause, errors } = error as { readonly cause?: unknown; readonly errors?: unknown };
    return Array.isArray(errors) ? [cause, ...errors] : [cause];
  } catch {
    return [];
  }
}
