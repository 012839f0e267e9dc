import { useEffect, useState } from 'preact/hooks';
import { Store } from './store.js';

/** Milliseconds by which the engine's clock is ahead of the browser's. */
let ahead = 0;

export function tellTime(time: number): void {
  ahead = time - Date.now();
}

/** The current time of the engine. */
export function now(): number {
  return Date.now() + ahead;
}

const second = new Store(0);
let ticking: ReturnType<typeof setInterval> | undefined;
let users = 0;

/** The current time of the engine. Renders again every second while `isTicking`. */
export function useSeconds(isTicking = true): number {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!isTicking) return;
    users++;
    ticking ??= setInterval(() => second.set(second.value + 1), 1_000);
    const end = second.watch(() => redraw((count) => count + 1));
    return () => {
      end();
      if (--users > 0) return;
      clearInterval(ticking);
      ticking = undefined;
    };
  }, [isTicking]);
  return now();
}

/**
 * The current time of the engine. Renders again every `milliseconds` while `isTicking`, for values that visibly grow.
 */
export function useMoments(isTicking: boolean, milliseconds = 200): number {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!isTicking) return;
    const timer = setInterval(() => redraw((count) => count + 1), milliseconds);
    return () => clearInterval(timer);
  }, [isTicking, milliseconds]);
  return now();
}
