/**
 * How long loops may go on without letting the event loop turn. All loops of a thread share a turn: ten that never wait
 * hold timers and servers up no longer than one.
 */
const turn = 8;
const least = 0.5;

let running = 0;

/** A loop has begun to run, or has ended. */
export function takePart(by: 1 | -1): void {
  running += by;
}

/** Milliseconds that a loop may take now. */
export function slice(): number {
  return Math.max(least, turn / Math.max(1, running));
}

/** Resolves when the event loop has turned: timers have fired, messages have come. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
