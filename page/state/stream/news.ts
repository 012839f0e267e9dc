/** State of the connection to the server. */
export type Connection = 'connecting' | 'live' | 'reconnecting' | 'unauthorized';

/** Messages from a hub to a tab. */
export type News =
  | { readonly kind: 'state'; readonly state: Connection }
  /** An event of the stream, see `StreamEvents`. */
  | { readonly kind: 'event'; readonly name: string; readonly data: unknown }
  /** Answer to each wish: shows that the hub is alive. */
  | { readonly kind: 'heard' };

/** Messages from a tab to a hub. */
export type Wish =
  /** The tab is visible and wants events. Repeated regularly while the tab is visible. */
  | { readonly kind: 'follow'; readonly token: string | undefined; readonly run: string | undefined }
  /** The tab is hidden or closed. */
  | { readonly kind: 'leave' }
  /** Reconnect immediately if the connection is lost. */
  | { readonly kind: 'reopen' };

/** Milliseconds between two `follow` messages of a visible tab. */
export const beat = 15_000;
