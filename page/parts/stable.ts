import { useCallback, useRef } from 'preact/hooks';

/** The same function at each drawing, that does what the last one given does. */
export function useStable<Args extends unknown[]>(action: (...args: Args) => void): (...args: Args) => void {
  const last = useRef(action);
  last.current = action;
  return useCallback((...args: Args) => last.current(...args), []);
}
