import { Store } from './store.js';

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly isError: boolean;
}

export const toasts = new Store<readonly Toast[]>([]);
let last = 0;

/** Shows a message about a result. Errors stay longer. */
export function say(text: string, { isError = false } = {}): void {
  const id = ++last;
  toasts.update((shown) => [...shown.slice(-2), { id, text, isError }]);
  setTimeout(() => dismiss(id), isError ? 12_000 : 4_000);
}

export function dismiss(id: number): void {
  toasts.update((shown) => shown.filter((toast) => toast.id !== id));
}
