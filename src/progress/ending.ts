const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What is to be done when the program ends. */
export interface Ending {
  /** It ends now: nothing asynchronous happens any more. */
  end(): void;
  /** Somebody else decides about a signal, and may end the program without a word. */
  yield(): void;
}

/** Watches for the end of the program, by itself, by `process.exit` or by an error. Gives a function that stops it. */
export function atExit(end: () => void): () => void {
  process.once('exit', end);
  return () => process.off('exit', end);
}

/**
 * Watches for signals that end the program: a terminal is not to be left without its cursor. Where nobody else listens,
 * the program ends by the signal, as it would have.
 *
 * Where others listen, they decide. Some of them (`signal-exit`) end the program only where nobody but they listen, so
 * while they are asked this one is not there.
 *
 * @returns a function that stops it
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
