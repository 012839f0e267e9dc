import { Store } from './store.js';

/** The open dialog. Only one dialog is open at a time. */
export type OpenDialog =
  | { readonly kind: 'unlock'; readonly isRefused?: boolean; readonly after?: () => void }
  | { readonly kind: 'cancel'; readonly runId: string; readonly after?: (() => void) | undefined }
  | {
      readonly kind: 'signal';
      readonly runId: string;
      readonly awaiting: readonly string[];
      /** The payloads that events expect, as text. */
      readonly expects?: Readonly<Record<string, string>> | undefined;
      readonly after?: (() => void) | undefined;
    }
  | {
      readonly kind: 'confirm';
      readonly title: string;
      readonly text: string;
      /** User-defined name that the question is about. */
      readonly subject?: string;
      readonly label: string;
      readonly confirm: () => void;
    }
  | { readonly kind: 'shortcuts' };

export const dialog = new Store<OpenDialog | undefined>(undefined);

export function openDialog(asked: OpenDialog): void {
  dialog.set(asked);
}

export function closeDialog(): void {
  dialog.set(undefined);
}
