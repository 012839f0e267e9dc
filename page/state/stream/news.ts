/** State of the connection to the server. */
export type Connection = 'connecting' | 'live' | 'reconnecting' | 'unauthorized';

/** What a hub says to a tab. */
export type News =
  | { readonly kind: 'state'; readonly state: Connection }
  /** An event of the stream, see `StreamEvents`. */
  | { readonly kind: 'event'; readonly name: string; readonly data: unknown }
  /** Answers each wish: the hub is there. */
  | { readonly kind: 'heard' };

/** What a tab says to a hub. */
export type Wish =
  /** The tab is seen, and is to be told. Said again and again while that is so. */
  | { readonly kind: 'follow'; readonly token: string | undefined; readonly run: string | undefined }
  /** The tab is hidden, or gone. */
  | { readonly kind: 'leave' }
  /** Tries again now, where there is no connection. */
  | { readonly kind: 'reopen' };

/** Milliseconds between two wishes of a tab that is seen. */
export const beat = 15_000;
