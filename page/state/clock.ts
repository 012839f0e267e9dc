import { useEffect, useState } from 'preact/hooks';
import { Store } from './store.js';

/** How far the engine's clock is ahead of this one, in milliseconds. */
let ahead = 0;

export function tellTime(time: number): void {
  ahead = time - Date.now();
}

/** The engine's time. */
export function now(): number {
  return Date.now() + ahead;
}

const second = new Store(0);
let ticking: ReturnType<typeof setInterval> | undefined;
let users = 0;

/** The engine's time, anew each second: for how long ago something was, and for how long it has been going on. */
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

/** The engine's time, a few times a second while `isTicking`: for what grows before one's eyes. */
export function useMoments(isTicking: boolean, milliseconds = 200): number {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!isTicking) return;
    const timer = setInterval(() => redraw((count) => count + 1), milliseconds);
    return () => clearInterval(timer);
  }, [isTicking, milliseconds]);
  return now();
}
