/** What is kept under a key: as text, from which each reader gets a copy of its own. */
export interface Kept {
  readonly text: string;
  read(): unknown;
}

/** What a view is a view of. */
export interface Source {
  find(key: string): Kept | undefined;
  keys(): Iterable<string>;
  /** Nobody looks at it any more. */
  close?(): void;
}

/** What was changed in a view, as texts. */
export interface Changes {
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly removed?: readonly string[] | undefined;
  /** What was found under the keys that were set, where something was. */
  readonly base?: Readonly<Record<string, string>> | undefined;
}
