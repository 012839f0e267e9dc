// What was started and not stopped yet. Whichever test file imports a server of this folder stops it all at its end, also
// when its tests failed; the newest first, so that workers end before the servers that they use.

const started = new Set<() => Promise<void>>();

/** Has something stopped at the end of the test file. Gives the function that stops it earlier, once. */
export function track(stop: () => Promise<void>): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  const stopOnce = () => {
    started.delete(stopOnce);
    stopping ??= stop();
    return stopping;
  };
  started.add(stopOnce);
  return stopOnce;
}

async function stopAll(): Promise<void> {
  const failures: unknown[] = [];
  for (const stop of [...started].reverse()) {
    await stop().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'what the tests started could not be stopped');
}

// A global setup and the programs that tests start have no such end: they stop what they start.
if (process.env.VITEST_WORKER_ID !== undefined) {
  const { afterAll } = await import('vitest');
  afterAll(stopAll, 180_000);
}
