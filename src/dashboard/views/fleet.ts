import type { QueuesView, WorkerView } from '../api/index.js';
import { partly } from './partly.js';
import type { Watched } from './watched.js';

/** The workers, as of their last reports. */
export async function workerViews({ distributed, clock }: Watched): Promise<WorkerView[]> {
  if (distributed === undefined) return [];
  const [workers] = await Promise.all([distributed.listWorkerHealth(partly), clock.measure(distributed)]);
  const { now } = clock;
  return workers.map((worker) => ({ ...worker, seenAt: now - worker.age }));
}

/** The work in the fleet's queue and in the queues between loops. */
export async function queuesView({ distributed, loops }: Watched): Promise<QueuesView> {
  const fleet = await distributed?.engine.queue.depth(partly.onError);
  return { ...(fleet && { fleet }), loops: loops?.metrics().queues ?? [] };
}
