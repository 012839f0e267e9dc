const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Callbacks for the end of the program. */
export interface Ending {
  /** Called when the program ends. Nothing asynchronous happens afterwards. */
  end(): void;
  /** Called when another listener handles the signal. That listener may end the program without further notice. */
  yield(): void;
}

/**
 * Calls `end` when the program ends: by itself, by `process.exit` or by an error.
 *
 * @returns a function that removes the listener
 */
export function atExit(end: () => void): () => void {
  process.once('exit', end);
  return () => process.off('exit', end);
}

/**
 * Watches for signals that end the program, so that the terminal gets its cursor back. If there is no other listener,
 * the program then ends by the signal, as usual.
 *
 * If there are other listeners, they decide whether the program ends. Some of them (`signal-exit`) end the program only
 * if they are the only listeners, so this listener is removed while they are called.
 *
 * @returns a function that removes the listeners
 */
export function atSignal({ end, yield: yieldTo }: Ending): () => void {
  let back: NodeJS.Immediate | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    process.off(signal, onSignal);
    if (process.listenerCount(signal) === 0) {
      end();
      process.kill(process.pid, signal);
      return;
    }
    yieldTo();
    back = setImmediate(() => process.prependListener(signal, onSignal)).unref();
  };
  for (const signal of signals) process.prependListener(signal, onSignal);
  return () => {
    clearImmediate(back);
    for (const signal of signals) process.off(signal, onSignal);
  };
}
