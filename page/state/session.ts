import { Store } from './store.js';

const tokenKey = 'orchestrator.token';
const themeKey = 'orchestrator.theme';

export type Theme = 'system' | 'light' | 'dark';

/** Token for changing requests, kept until the tab is closed. */
export const token = new Store<string | undefined>(undefined);

/** Colour scheme, kept in this browser. */
export const theme = new Store<Theme>('system');

/**
 * Reads the token from the address and removes it there, so that it appears neither in the history nor in screenshots.
 */
export function openSession(): void {
  takeToken();
  addEventListener('hashchange', takeToken);
  token.set(read(() => sessionStorage.getItem(tokenKey)) ?? undefined);
  const kept = read(() => localStorage.getItem(themeKey));
  setTheme(kept === 'light' || kept === 'dark' ? kept : 'system');
}

function takeToken(): void {
  const [, given] = /^#token=(.+)/.exec(location.hash) ?? [];
  if (given === undefined) return;
  history.replaceState(null, '', '#/runs');
  setToken(read(() => decodeURIComponent(given)) ?? given);
}

export function setToken(value: string | undefined): void {
  read(() => (value === undefined ? sessionStorage.removeItem(tokenKey) : sessionStorage.setItem(tokenKey, value)));
  token.set(value);
}

export function setTheme(value: Theme): void {
  read(() => (value === 'system' ? localStorage.removeItem(themeKey) : localStorage.setItem(themeKey, value)));
  document.documentElement.dataset.theme = value;
  theme.set(value);
}

/** Reads a value that may be unavailable: browsers may forbid storage, and addresses may be malformed. */
function read<Value>(access: () => Value): Value | undefined {
  try {
    return access();
  } catch {
    return undefined;
  }
}
