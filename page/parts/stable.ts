import { useCallback, useRef } from 'preact/hooks';

/** Returns a function that stays the same across renders and calls the latest `action`. */
export function useStable<Args extends unknown[]>(action: (...args: Args) => void): (...args: Args) => void {
  const last = useRef(action);
  last.current = action;
  return useCallback((...args: Args) => last.current(...args), []);
}
