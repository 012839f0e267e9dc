import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { main } from '../../src/cli/cli.js';
import { eventually } from '../distributed/servers/eventually.js';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));

export interface CallOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Columns of a terminal on both streams. Default: the streams are not terminals. */
  readonly columns?: number;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running call of the command line in this process. */
export class Call {
  readonly signals = new EventEmitter();
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Resolves with the result when the call has ended. */
  readonly ended: Promise<Outcome>;

  constructor(args: readonly string[], { stdin = '', env = {}, cwd = fixtures, columns }: CallOptions = {}) {
    this.stdout = new Sink(columns);
    this.stderr = new Sink(columns);
    const { stdout, stderr, signals } = this;
    this.ended = main(args, { stdin: Readable.from([stdin]), stdout, stderr, env, cwd, signals }).then((code) => ({
      code,
      stdout: stdout.written,
      stderr: stderr.written,
    }));
  }

  /** Waits until a text has been written to either stream. Fails if the call ends without it. */
  async writes(what: string | RegExp): Promise<void> {
    let end: Outcome | undefined;
    void this.ended.then((outcome) => {
      end = outcome;
    });
    await eventually(
      () => {
        const all = this.stdout.written + this.stderr.written;
        if (typeof what === 'string' ? all.includes(what) : what.test(all)) return true;
        if (end !== undefined) throw new Error(`ended with ${end.code}, without ${what}: ${all}`);
        return false;
      },
      { timeout: 60_000 },
    );
  }

  interrupt(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' = 'SIGINT'): void {
    this.signals.emit(signal);
  }
}

/** Runs a call of the command line in this process until it ends. */
export function call(args: readonly string[], options?: CallOptions): Promise<Outcome> {
  return new Call(args, options).ended;
}

/** The parsed output of `--json`. */
// biome-ignore lint/suspicious/noExplicitAny: each command has a shape of its own
export function jsonOf({ stdout }: Outcome): any {
  return JSON.parse(stdout);
}

/** The parsed lines of JSON that a command has written. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function linesOf({ stdout }: Outcome): any[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

class Sink extends Writable {
  written = '';
  readonly isTTY: boolean;

  constructor(readonly columns: number | undefined) {
    super({ decodeStrings: false });
    this.isTTY = columns !== undefined;
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.written += String(chunk);
    done();
  }
}
