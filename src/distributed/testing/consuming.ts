import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeOptions, Consumer, Delivery, Disposition, Engine, Job } from '../contracts.js';
import { newId, until } from './suite.js';

export interface Consuming extends Partial<ConsumeOptions> {
  readonly handle?: (delivery: Delivery) => Promise<Disposition>;
  /** Milliseconds to keep consuming after all jobs are done, in case more jobs are delivered. */
  readonly settle?: number;
}

/**
 * Consumes jobs until all of them are done.
 *
 * @returns all deliveries, in order
 */
export async function consumed(engine: Engine, jobs: readonly Job[], options: Consuming = {}): Promise<Delivery[]> {
  const { handle = async () => 'done' as const, settle = 0, ...rest } = options;
  const open = new Set(jobs.map(({ id }) => id));
  const deliveries: Delivery[] = [];
  const consumer = await consume(
    engine,
    async (delivery) => {
      deliveries.push(delivery);
      const disposition = await handle(delivery);
      if (disposition === 'done') open.delete(delivery.job.id);
      return disposition;
    },
    { concurrency: 1, ...rest },
  );
  try {
    await until(() => assert.deepEqual([...open], []));
    await sleep(settle);
  } finally {
    await consumer.close();
  }
  return deliveries;
}

export async function consume(
  { queue }: Engine,
  handle: (delivery: Delivery) => Promise<Disposition>,
  options: Partial<ConsumeOptions> = {},
): Promise<Consumer> {
  const consumer = await queue.consume(handle, {
    concurrency: 10,
    // The time is long enough that no lock expires on a busy machine, because the tests count deliveries.
    lockDuration: 60_000,
    workerId: newId('worker'),
    onError: () => undefined,
    ...options,
  });
  consumers.add(consumer);
  return consumer;
}

/** The consumers of the current test. */
const consumers = new Set<Consumer>();

/** Wraps a test. If the test fails, its consumers are terminated, because they would take the jobs of the next test. */
export function tidily(test: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await test();
    } catch (error) {
      await Promise.all([...consumers].map((consumer) => consumer.terminate()));
      throw error;
    } finally {
      consumers.clear();
    }
  };
}

export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

export function fail(): never {
  throw new assert.AssertionError({ message: 'nothing was delivered' });
}
