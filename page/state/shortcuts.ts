import { closeDialog, dialog, openDialog } from './dialogs.js';
import { go, type Route, route } from './route.js';

const places: Readonly<Record<string, Route['view']>> = {
  r: 'runs',
  w: 'workers',
  q: 'queues',
  l: 'loops',
  d: 'dead-letters',
};

/** Keys and their effects, as shown in the help. */
export const shortcuts: readonly { readonly keys: readonly string[]; readonly text: string }[] = [
  { keys: ['/'], text: 'Search runs' },
  { keys: ['g', 'r'], text: 'Go to runs' },
  { keys: ['g', 'w'], text: 'Go to workers' },
  { keys: ['g', 'q'], text: 'Go to queues' },
  { keys: ['g', 'l'], text: 'Go to loops' },
  { keys: ['g', 'd'], text: 'Go to dead letters' },
  { keys: ['↑', '↓'], text: 'Move in a list, or between the nodes of a graph' },
  { keys: ['Enter'], text: 'Open what is focused' },
  { keys: ['+', '−', '0'], text: 'Zoom the graph in and out, show all of it' },
  { keys: ['Home', 'End'], text: 'Go to the start or the end of the graph' },
  { keys: ['Esc'], text: 'Close; from a run back to the runs' },
  { keys: ['?'], text: 'Show this' },
];

/** Milliseconds within which the second key of a sequence such as `g r` must follow. */
const patience = 1_000;
let goesUntil = 0;

export function listenToKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (dialog.value !== undefined || isTyping(event.target)) return;
    if (press(event.key)) event.preventDefault();
  });
}

function press(key: string): boolean {
  const place = performance.now() < goesUntil ? places[key] : undefined;
  goesUntil = key === 'g' ? performance.now() + patience : 0;
  if (place !== undefined) return then(() => go({ view: place }));
  switch (key) {
    case '/':
      return then(search);
    case '?':
      return then(() => openDialog({ kind: 'shortcuts' }));
    case 'Escape':
      return then(leave);
    default:
      return false;
  }
}

function then(action: () => void): true {
  action();
  return true;
}

function search(): void {
  if (focusSearch()) return;
  go({ view: 'runs' });
  const end = route.watch(() => {
    end();
    requestAnimationFrame(() => requestAnimationFrame(focusSearch));
  });
}

function focusSearch(): boolean {
  const field = document.querySelector<HTMLInputElement>('input[type=search]');
  field?.focus();
  field?.select();
  return field !== null;
}

function leave(): void {
  const { view, runId, query } = route.value;
  closeDialog();
  if (view === 'runs' && runId !== undefined) {
    if (query.node === undefined) go({ view: 'runs' });
    else go({ ...route.value, query: {} });
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches('input, textarea, select') || target.isContentEditable);
}
