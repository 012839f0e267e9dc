import type { Readable, Writable } from 'node:stream';

/** A stream for text. If the stream is a terminal, it also has the properties of a terminal. */
export interface Terminal extends Writable {
  readonly isTTY?: boolean | undefined;
  /** Number of columns of the terminal. */
  readonly columns?: number | undefined;
}

/** The signals that ask a command to end. */
export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** The source of signals. */
interface Signals {
  on(signal: SignalName, listener: () => void): unknown;
}

/** The environment of the command line. Tests replace it. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Directory that relative paths start from. */
  readonly cwd: string;
  /** Default: no signals are handled. */
  readonly signals?: Signals | undefined;
}
