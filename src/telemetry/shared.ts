/** A reference-counted activity, which ends when its last user ends it. */
interface Shared {
  users: number;
  readonly end: () => void;
}

const going = new WeakMap<object, Shared>();

/**
 * Begins an activity for a key, unless it is already running. A program and a module of its loops may both start
 * telemetry, but nothing may be counted twice.
 *
 * @returns a function that ends the activity for this user; the activity ends with its last user
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
