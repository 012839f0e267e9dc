import type { Readable, Writable } from 'node:stream';

/** Where text is written, and whether somebody sees it there. */
export interface Terminal extends Writable {
  readonly isTTY?: boolean | undefined;
  /** How many columns there are, for a terminal. */
  readonly columns?: number | undefined;
}

/** The signals that ask a command to end. */
export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** The source of signals. */
interface Signals {
  on(signal: SignalName, listener: () => void): unknown;
}

/** All that the command line has of the world around it. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The directory that paths are from. */
  readonly cwd: string;
  /** Default: nobody, so nothing is interrupted. */
  readonly signals?: Signals | undefined;
}
