/** A pool or a connection that emits errors. */
interface Emitter {
  on(event: 'error', listener: () => void): unknown;
  off(event: 'error', listener: () => void): unknown;
}

const ignore = () => {};

/** Number of users that share the listener, by emitter. */
const users = new WeakMap<object, number>();

/**
 * Listens to the errors of a user-supplied pool or connection. Without a listener, the loss of an idle connection would
 * end the program or be printed. Operations in flight report the loss themselves, so the listener ignores the error.
 * All users of an emitter share one listener.
 *
 * @returns a function that ends the use
 */
export function surviving(emitter: Emitter): () => void {
  const count = users.get(emitter) ?? 0;
  users.set(emitter, count + 1);
  if (count === 0) emitter.on('error', ignore);
  let isEnded = false;
  return () => {
    if (isEnded) return;
    isEnded = true;
    const left = (users.get(emitter) as number) - 1;
    users.set(emitter, left);
    if (left === 0) emitter.off('error', ignore);
  };
}
