import { setTimeout as sleep } from 'node:timers/promises';

/** Starts the run with the given number, counted from 1. */
export type Start = (number: number) => Promise<unknown>;

export interface Traffic {
  /** Stops starting runs. */
  stop(): Promise<void>;
}

/** Milliseconds between two runs of a kind. */
const pace = { order: 700, refund: 2_500, report: 4_000 } as const;

/** Starts runs of each kind at a steady pace until it is stopped. */
export function startTraffic(starts: Readonly<Record<keyof typeof pace, Start>>): Traffic {
  const stopping = new AbortController();
  const { signal } = stopping;
  const going = Object.entries(pace).map(async ([kind, pause]) => {
    for (let number = 1; !signal.aborted; number++) {
      await starts[kind as keyof typeof pace](number);
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.all(going);
    },
  };
}
