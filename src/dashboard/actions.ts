import { setTimeout as wait } from 'node:timers/promises';
import type { StopOptions } from '../loops/index.js';
import { aCount, aDuration, aName, anObjectOf } from '../shared/validate.js';
import { Refusal } from './http/refusal.js';
import type { Call, Routes } from './http/router.js';
import { fleetOf, loopsOf, type Watched } from './views/watched.js';

/**
 * Milliseconds that an answer waits for its action to finish. A loop first finishes its current work, which may take
 * any amount of time. After this limit, the request is answered and the action continues.
 */
const patience = 5_000;

const readNothing = anObjectOf<Record<never, never>>({});
const readCancel = anObjectOf<{ readonly reason?: string }>({ reason: aName });
const readSignal = anObjectOf<{ readonly event: string; readonly payload?: unknown; readonly id?: string }>({
  event: aName,
  payload: (value) => value,
  id: aName,
});
const readStop = anObjectOf<Pick<StopOptions, 'timeout' | 'deadline'>>({ timeout: aDuration, deadline: aDuration });
const readReplay = anObjectOf<{ readonly id?: number }>({ id: aCount });

/** All routes that change something. */
export function actionsOn(watched: Watched, onError: (error: unknown) => void): Routes {
  const onRun = (act: (runId: string, body: unknown) => Promise<void>) => async (call: Call) => {
    await act(call.params.runId as string, call.body);
    return {};
  };
  const plain = (name: 'pause' | 'resume' | 'retry') =>
    onRun((runId, body) => {
      readNothing(body);
      return fleetOf(watched)[name](runId);
    });
  const onLoop = (act: (loopId: string, body: unknown) => unknown) => async (call: Call) => {
    await inTime(act(call.params.loopId as string, call.body), onError);
    return {};
  };
  return {
    'POST api/runs/:runId/pause': plain('pause'),
    'POST api/runs/:runId/resume': plain('resume'),
    'POST api/runs/:runId/retry': plain('retry'),
    'POST api/runs/:runId/cancel': onRun((runId, body) => fleetOf(watched).cancel(runId, readCancel(body).reason)),
    'POST api/runs/:runId/signal': async ({ params, body }) => {
      const { event, payload, id } = readSignal(body);
      const outcome = await fleetOf(watched).signal(params.runId as string, aName(event, 'event'), payload, { id });
      return { outcome };
    },
    'POST api/workers/:workerId/forget': async ({ params, body }) => {
      readNothing(body);
      return { forgotten: await fleetOf(watched).forgetWorker(params.workerId as string) };
    },
    'POST api/loops/:loopId/start': onLoop((loopId, body) => {
      readNothing(body);
      return loopsOf(watched).start(loopId);
    }),
    'POST api/loops/:loopId/stop': onLoop((loopId, body) => loopsOf(watched).stop({ ...readStop(body), loopId })),
    'POST api/loops/:loopId/pause': onLoop((loopId, body) => {
      readNothing(body);
      return loopsOf(watched).pause(loopId);
    }),
    'POST api/loops/:loopId/resume': onLoop((loopId, body) => {
      readNothing(body);
      loopsOf(watched).resume(loopId);
    }),
    'POST api/dead-letters/replay': async ({ body }) => {
      const { id } = readReplay(body);
      const replayed = await inTime(loopsOf(watched).deadLetters.replay(id), onError);
      if (replayed === undefined)
        throw new Refusal('unavailable', 'the queue is full: the replay continues when the queue has room');
      return { replayed };
    },
  };
}

/** Waits up to `patience` for the result, then returns `undefined`. Later failures go to `onError`. */
async function inTime<Value>(acting: Value | Promise<Value>, onError: (error: unknown) => void) {
  const late = new AbortController();
  let isLate = false;
  const done = Promise.resolve(acting);
  done.catch((error) => {
    if (isLate) onError(error);
  });
  try {
    return await Promise.race([done, wait(patience, undefined, { signal: late.signal })]);
  } finally {
    isLate = true;
    late.abort();
  }
}
