import { useEffect, useRef } from 'preact/hooks';

/** Scrolls a row of links, where there is no room for all, to the one that leads to where one is. */
export function useCurrentInView(place: string) {
  const row = useRef<HTMLElement>(null);
  useEffect(() => {
    const link = row.current?.querySelector<HTMLElement>('[aria-current]');
    if (row.current !== null && link && place !== '') row.current.scrollLeft = link.offsetLeft - 24;
  }, [place]);
  return row;
}
