import type { ComponentChildren } from 'preact';
import type { Tone } from '../../src/dashboard/graph/appearance.js';
import { visible } from '../../src/dashboard/graph/text.js';
import { shortCount } from '../format.js';
import { useCurrentInView } from '../parts/current.js';
import { lookOf } from '../parts/looks.js';
import { deadLetters, overview } from '../state/live.js';
import { hrefOf, type Route } from '../state/route.js';
import { useStore } from '../state/store.js';
import { Connection } from './connection.js';
import { Tools } from './tools.js';

/** The title, the navigation and the connection state. */
export function Header({ place }: { readonly place: Route }) {
  const known = useStore(overview);
  const { distributed, title = '' } = known ?? {};
  const nav = useCurrentInView(place.view);
  return (
    <header class="header">
      <div class="header-row">
        <a class="brand" href={hrefOf({ view: 'runs' })}>
          <Mark />
          <span class="brand-title">{visible(title)}</span>
        </a>
        <nav class="nav" aria-label="Pages" ref={nav}>
          <Links place={place} />
        </nav>
        <div class="header-end">
          {distributed !== undefined && (
            <span class="engine" title={visible(distributed.engine)}>
              {visible(distributed.engine)}
            </span>
          )}
          <Connection />
          <Tools />
        </div>
      </div>
    </header>
  );
}

function Links({ place }: { readonly place: Route }) {
  const known = useStore(overview);
  const dead = useStore(deadLetters) ?? known?.loops?.deadLetters ?? 0;
  const { distributed, loops } = known ?? {};
  const underWay = distributed && distributed.runs.running + distributed.runs.awaiting;
  const silent = distributed?.workers.silent ?? 0;
  const trouble = loops !== undefined && loops.status !== 'healthy' ? loops.status : undefined;
  return (
    <>
      <Link place={place} view="runs" text="Runs" number={underWay} hint="under way" />
      <Link place={place} view="workers" text="Workers" number={distributed?.workers.alive} hint="alive">
        {silent > 0 && <Alarm tone="red">{silent} silent</Alarm>}
      </Link>
      <Link place={place} view="queues" text="Queues" number={distributed?.queue.waiting} hint="waiting" />
      <Link place={place} view="loops" text="Loops" number={loops?.running} hint="running">
        {trouble !== undefined && <Alarm tone={lookOf(trouble).tone}>{trouble}</Alarm>}
      </Link>
      <Link place={place} view="dead-letters" text="Dead letters">
        {dead > 0 && <Alarm tone="red">{shortCount(dead)}</Alarm>}
      </Link>
    </>
  );
}

interface LinkProps {
  readonly place: Route;
  readonly view: Route['view'];
  readonly text: string;
  readonly number?: number | undefined;
  /** Meaning of the number, for a tooltip. */
  readonly hint?: string;
  readonly children?: ComponentChildren;
}

function Link({ place, view, text, number, hint = '', children }: LinkProps) {
  return (
    <a class="nav-link" href={hrefOf({ view })} aria-current={place.view === view ? 'page' : undefined}>
      {text}
      {number !== undefined && (
        <span class="nav-number" title={`${shortCount(number)} ${hint}`}>
          {shortCount(number)}
          <span class="off-screen"> {hint}</span>
        </span>
      )}
      {children}
    </a>
  );
}

function Alarm({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`nav-number is-alarming tone-${tone}`}>{children}</span>;
}

function Mark() {
  return (
    <svg class="mark" width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
      <path d="M6 11h4l4-5.5h2M10 11l4 5.5h2" />
      <circle cx="4" cy="11" r="2.5" />
      <circle cx="18" cy="5.5" r="2.5" />
      <circle cx="18" cy="16.5" r="2.5" />
    </svg>
  );
}
