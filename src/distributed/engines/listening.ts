/** A pool or a connection, as far as it is listened to. */
interface Emitter {
  on(event: 'error', listener: () => void): unknown;
  off(event: 'error', listener: () => void): unknown;
}

const ignore = () => {};

/** How many listen, by what they listen to. */
const users = new WeakMap<object, number>();

/**
 * Listens to the errors of a pool or a connection that was handed over: without a listener, one that is lost while nobody
 * uses it would end the program, or be printed. What is under way is told of the loss by itself. All users share one
 * listener.
 *
 * @returns what ends it
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
