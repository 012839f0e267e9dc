/** What goes on as long as anybody has begun it and not ended it. */
interface Shared {
  users: number;
  readonly end: () => void;
}

const going = new WeakMap<object, Shared>();

/**
 * Begins something for a key, once however often it is begun: a program and a module of its loops may both start telemetry,
 * and nothing is to be counted twice.
 *
 * @returns a function that ends it, when all who began it have ended it
 */
export function shared(key: object, begin: () => () => void): () => void {
  const found = going.get(key) ?? { users: 0, end: begin() };
  going.set(key, found);
  found.users++;
  let hasEnded = false;
  return () => {
    if (hasEnded) return;
    hasEnded = true;
    if (--found.users > 0) return;
    going.delete(key);
    found.end();
  };
}
