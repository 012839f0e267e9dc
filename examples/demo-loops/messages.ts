/** What goes through the queue `lines`: a piece of the file. */
export interface Piece {
  /** Number of its first line, from 1. */
  readonly first: number;
  readonly lines: readonly string[];
}

/** One line, understood. */
export interface Entry {
  /** Number of the line. */
  readonly line: number;
  readonly path: string;
  readonly status: number;
  /** In milliseconds. */
  readonly duration: number;
  /** Stands for the client's address, which nobody can get back from it. */
  readonly visitor: string;
}

/** What goes through the queue `entries`, and to the server. */
export interface Entries {
  /** The loop that has made them. */
  readonly parser: string;
  readonly entries: readonly Entry[];
}
