/** A stored value of the context, as text. Each call of `read` returns a fresh copy. */
export interface Kept {
  readonly text: string;
  read(): unknown;
}

/** The data that a `ContextView` is layered on: the committed context, or another view. */
export interface Source {
  find(key: string): Kept | undefined;
  keys(): Iterable<string>;
  /** Called when the view is no longer used. */
  close?(): void;
}

/** The changes made in a view, as text encoded by the codec. */
export interface Changes {
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly removed?: readonly string[] | undefined;
  /**
   * The texts that the view had read for the keys in `set` before it changed them. Keys that were added are not listed.
   */
  readonly base?: Readonly<Record<string, string>> | undefined;
}
