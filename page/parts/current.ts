import { useEffect, useRef } from 'preact/hooks';

/** Scrolls a row of links so that the link of the current page is visible. */
export function useCurrentInView(place: string) {
  const row = useRef<HTMLElement>(null);
  useEffect(() => {
    const link = row.current?.querySelector<HTMLElement>('[aria-current]');
    if (row.current !== null && link && place !== '') row.current.scrollLeft = link.offsetLeft - 24;
  }, [place]);
  return row;
}
