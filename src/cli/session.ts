import { constants } from 'node:os';
import { CliError, exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { Output } from './output/output.js';

/** Options that every command has. */
export interface GlobalOptions {
  readonly json?: boolean | undefined;
  readonly color?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

type SignalName = 'SIGINT' | 'SIGTERM';

const signalNames = ['SIGINT', 'SIGTERM'] as const;

/**
 * One call of the command line: its streams, what ends it before its end, what must not be printed.
 *
 * A signal asks a command that listens to it to end in order; the second ends it at once, and so does a reader who has
 * closed the pipe: then `cut` resolves with the exit code, whatever is still under way.
 */
export class Session {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Resolves when the command is to end at once, with the code that it ends with. */
  readonly cut: Promise<number>;
  isVerbose = false;
  readonly #secrets = new Map<string, string>();
  readonly #interruption = new AbortController();
  #release: () => void = nothing;
  #cutWith: (code: number) => void = () => undefined;

  constructor(readonly io: Io) {
    this.cut = new Promise((resolve) => {
      this.#cutWith = resolve;
    });
    this.stdout = new Output(io.stdout, () => this.#cutWith(exitCodes.ok));
    this.stderr = new Output(io.stderr, () => undefined);
    this.configure({});
  }

  configure({ color = true, verbose = false }: GlobalOptions): void {
    const { NO_COLOR = '', FORCE_COLOR = '', TERM } = this.io.env;
    this.isVerbose = verbose;
    for (const output of [this.stdout, this.stderr]) {
      const isAsked = FORCE_COLOR !== '' && FORCE_COLOR !== '0';
      output.isColoured = color && NO_COLOR === '' && (isAsked || (output.isTerminal && TERM !== 'dumb'));
    }
  }

  /**
   * Aborts when the command is asked to end, with what it ends with if that is no end of its own. From the first call on
   * signals do that, instead of ending the program.
   */
  interruption(): AbortSignal {
    const { signals } = this.io;
    if (signals !== undefined && this.#release === nothing) {
      const listeners = signalNames.map((name) => [name, () => this.#onSignal(name)] as const);
      for (const [name, listener] of listeners) signals.on(name, listener);
      this.#release = () => {
        for (const [name, listener] of listeners) signals.off(name, listener);
      };
    }
    return this.#interruption.signal;
  }

  close(): void {
    this.#release();
  }

  /** Has a text never be printed in a message or a stack: another stands there in its place. */
  hide(secret: string, shown = '***'): void {
    if (secret !== '') this.#secrets.set(secret, shown);
  }

  /** A text without what must not be printed. */
  cleaned(text: string): string {
    let cleaned = text;
    for (const [secret, shown] of this.#secrets) cleaned = cleaned.replaceAll(secret, shown);
    return cleaned;
  }

  #onSignal(name: SignalName): void {
    const code = (128 + constants.signals[name]) as 130 | 143;
    if (this.#interruption.signal.aborted) {
      this.#cutWith(code);
      return;
    }
    const what = name === 'SIGINT' ? 'interrupted' : 'terminated';
    this.#interruption.abort(new CliError(what, code));
  }
}

function nothing(): void {}
