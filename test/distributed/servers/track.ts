// Everything that was started and not stopped yet. A test file that imports a server of this folder stops everything at
// its end, even if its tests failed. The newest is stopped first, so that workers end before the servers that they use.

const started = new Set<() => Promise<void>>();

/** Registers something to be stopped at the end of the test file. @returns a function that stops it earlier, once */
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

// Global setups and child programs have no such end. They stop what they start.
if (process.env.VITEST_WORKER_ID !== undefined) {
  const { afterAll } = await import('vitest');
  afterAll(stopAll, 180_000);
}
