/**
 * Milliseconds that all loops of a thread together may run between two turns of the event loop. Because loops share
 * this time, ten loops that never wait delay timers and servers no longer than one such loop. `least` is the minimum
 * share of a single loop.
 */
const turn = 8;
const least = 0.5;

let running = 0;

/** Registers that a loop has started or ended. */
export function takePart(by: 1 | -1): void {
  running += by;
}

/** Returns the milliseconds that a loop may run before it yields. */
export function slice(): number {
  return Math.max(least, turn / Math.max(1, running));
}

/** Yields to the event loop, so that timers and messages are handled. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
