import { visible } from '../../src/dashboard/graph/text.js';
import { count, exact, formatDuration, relative, runningDuration } from '../format.js';
import { useSeconds } from '../state/clock.js';

/** A user-defined name on one line, with hidden characters written as codes. */
export function Name({ children, class: name = '' }: { readonly children: string; readonly class?: string }) {
  const text = visible(children);
  return (
    <bdi class={`name ${name}`} title={text}>
      {text.slice(0, 600)}
    </bdi>
  );
}

/** An id. If it is too long for its place, the middle is left out. */
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

/** The time since an event, with the exact time as a tooltip. */
export function Ago({ time }: { readonly time: number }) {
  const now = useSeconds();
  return (
    <time class="number" dateTime={new Date(time).toISOString()} title={exact(time)}>
      {relative(time, now)}
    </time>
  );
}

/** The duration of something finished, or the time since the start of something running. */
export function Took({ from, until }: { readonly from: number; readonly until: number | undefined }) {
  const now = useSeconds(until === undefined);
  if (until !== undefined) return <span class="number">{formatDuration(until - from)}</span>;
  return <span class="number is-ticking">{now < from ? '–' : runningDuration(now - from)}</span>;
}

export function Count({ children }: { readonly children: number }) {
  return <span class="number">{count(children)}</span>;
}
