import { visible } from '../../src/dashboard/graph/text.js';
import { count, exact, formatDuration, relative, runningDuration } from '../format.js';
import { useSeconds } from '../state/clock.js';

/** A name that comes from users: text, on one line, in which everything can be seen. */
export function Name({ children, class: name = '' }: { readonly children: string; readonly class?: string }) {
  const text = visible(children);
  return (
    <bdi class={`name ${name}`} title={text}>
      {text.slice(0, 600)}
    </bdi>
  );
}

/** An id: what is too long loses its middle, however wide the place is. */
export function Id({ children, class: name = '' }: { readonly children: string; readonly class?: string }) {
  const text = visible(children).slice(0, 600);
  const tail = text.length > 12 ? 6 : 0;
  return (
    <bdi class={`id ${name}`} title={text}>
      <span class="id-head">{text.slice(0, text.length - tail)}</span>
      {tail > 0 && <span class="id-tail">{text.slice(-tail)}</span>}
    </bdi>
  );
}

/** How long ago, with the exact time on hover. */
export function Ago({ time }: { readonly time: number }) {
  const now = useSeconds();
  return (
    <time class="number" dateTime={new Date(time).toISOString()} title={exact(time)}>
      {relative(time, now)}
    </time>
  );
}

/** How long something took, or has been going on until now. */
export function Took({ from, until }: { readonly from: number; readonly until: number | undefined }) {
  const now = useSeconds(until === undefined);
  if (until !== undefined) return <span class="number">{formatDuration(until - from)}</span>;
  return <span class="number is-ticking">{now < from ? '–' : runningDuration(now - from)}</span>;
}

export function Count({ children }: { readonly children: number }) {
  return <span class="number">{count(children)}</span>;
}
