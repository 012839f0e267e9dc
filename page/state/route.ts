import { Store } from './store.js';

/**
 * The current place: `#/runs?status=failed`, `#/runs/<id>/timeline`, `#/loops`. Kept in the part of the address after
 * the `#`, so that it works with every mount path.
 */
export interface Route {
  readonly view: View;
  /** Id of the run that is shown. */
  readonly runId?: string | undefined;
  /** Section of the run that is shown. */
  readonly section?: Section | undefined;
  readonly query: Readonly<Record<string, string>>;
}

const views = ['runs', 'workers', 'queues', 'loops', 'dead-letters'] as const;
type View = (typeof views)[number] | 'missing';

export const sections = ['graph', 'timeline', 'data', 'errors', 'events'] as const;
export type Section = (typeof sections)[number];

export const route = new Store<Route>(read());

/** Navigates to a place. If `replace` is true, no entry is added to the history. */
export function go(target: Partial<Route> & Pick<Route, 'view'>, { replace = false } = {}): void {
  const address = hrefOf(target);
  if (replace) {
    history.replaceState(null, '', address);
    route.set(read());
  } else if (address !== location.hash) {
    location.hash = address;
  }
}

/** The address of a place, for links. */
export function hrefOf({ view, runId, section, query = {} }: Partial<Route> & Pick<Route, 'view'>): string {
  const parts = [
    view,
    ...(runId === undefined ? [] : [encodeURIComponent(runId)]),
    ...(section === undefined ? [] : [section]),
  ];
  const entries = Object.entries(query).filter(([, value]) => value !== '');
  const search = entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
  return `#/${parts.join('/')}${search}`;
}

/** Starts following the address. Called after the token has been removed from the address. */
export function followAddress(): void {
  route.set(read());
  addEventListener('hashchange', () => route.set(read()));
}

function read(): Route {
  const [path = '', search = ''] = split(location.hash.replace(/^#\/?/, ''));
  const [view = '', runId, section] = path.split('/');
  const query = Object.fromEntries(new URLSearchParams(search));
  if (view === '') return { view: 'runs', query };
  const known = views.find((name) => name === view);
  if (known === undefined) return { view: 'missing', query };
  if (known !== 'runs' || runId === undefined || runId === '') return { view: known, query };
  return { view: 'runs', runId: decoded(runId), section: sections.find((name) => name === section), query };
}

function split(text: string): readonly string[] {
  const at = text.indexOf('?');
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
