import { parentPort, workerData } from 'node:worker_threads';

const interval = 10;

if (workerData?.duration !== undefined) parentPort.postMessage(await latenesses(workerData.duration));

/** Lateness of each 10 ms timer, in ascending order. */
export function latenesses(duration) {
  return new Promise((resolve) => {
    const late = [];
    const end = performance.now() + duration;
    const next = () => {
      const due = performance.now() + interval;
      setTimeout(() => {
        const now = performance.now();
        late.push(now - due);
        if (now < end) next();
        else resolve(late.toSorted((one, other) => one - other));
      }, interval);
    };
    next();
  });
}
