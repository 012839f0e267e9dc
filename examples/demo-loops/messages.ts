/** Message in the queue `lines`: a piece of the file. */
export interface Piece {
  /** Number of the first line, counted from 1. */
  readonly first: number;
  readonly lines: readonly string[];
}

/** A parsed line. */
export interface Entry {
  /** Number of the line. */
  readonly line: number;
  readonly path: string;
  readonly status: number;
  /** Duration in milliseconds. */
  readonly duration: number;
  /** Pseudonym of the client. The address cannot be derived from it. */
  readonly visitor: string;
}

/** Message in the queue `entries`, and body of a request to the server. */
export interface Entries {
  /** Id of the loop that parsed the entries. */
  readonly parser: string;
  readonly entries: readonly Entry[];
}
