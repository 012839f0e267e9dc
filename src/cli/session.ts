import { CliError, type ExitCode, exitCodes } from './exit-codes.js';
import type { Io, SignalName } from './io.js';
import { Output } from './output/output.js';

/** Options that every command has. */
export interface GlobalOptions {
  readonly json?: boolean | undefined;
  readonly color?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

/** How a command ends that a signal has asked to. */
const ends = {
  SIGINT: { what: 'interrupted', code: exitCodes.interrupted },
  SIGTERM: { what: 'terminated', code: exitCodes.terminated },
  SIGHUP: { what: 'its terminal was closed', code: exitCodes.hungUp },
} as const satisfies Record<SignalName, { readonly what: string; readonly code: ExitCode }>;

const signalNames = Object.keys(ends) as SignalName[];

/**
 * One call of the command line: its streams, what ends it before its end, what must not be printed.
 *
 * A signal asks a command that listens to it to end in order; the second ends it at once, and so does a reader who has
 * closed the pipe: then `cut` resolves with the exit code, whatever is still under way. What cannot be written for any other
 * reason, such as a full disk, fails the command.
 */
export class Session {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Resolves when the command is to end at once, with the code that it ends with. Rejects if its output cannot be written. */
  readonly cut: Promise<number>;
  #failWith: (error: CliError) => void = () => undefined;
  isVerbose = false;
  /** Why the output is not whole, if it is not. */
  failure: CliError | undefined = undefined;
  readonly #secrets = new Map<string, string>();
  readonly #interruption = new AbortController();
  #endsInOrder = false;
  #cutWith: (code: number) => void = () => undefined;

  constructor(readonly io: Io) {
    this.cut = new Promise((resolve, reject) => {
      this.#cutWith = resolve;
      this.#failWith = reject;
    });
    this.cut.catch(() => undefined);
    this.stdout = new Output(io.stdout, (error) => this.#onClosed(error));
    this.stderr = new Output(io.stderr, () => undefined);
    this.configure({});
  }

  configure({ color = true, verbose = false }: GlobalOptions): void {
    const { NO_COLOR = '', FORCE_COLOR = '', TERM } = this.io.env;
    this.isVerbose = verbose;
    for (const output of [this.stdout, this.stderr]) {
      const isAsked = FORCE_COLOR !== '' && FORCE_COLOR !== '0';
      output.isColoured =
        color && NO_COLOR === '' && (isAsked || (output.isTerminal && TERM !== 'dumb' && TERM !== ''));
    }
  }

  /**
   * Aborts when the command is asked to end, with what it ends with if that is no end of its own. From the first call on
   * signals do that, instead of ending the program.
   */
  interruption(): AbortSignal {
    if (!this.#endsInOrder) {
      this.#endsInOrder = true;
      for (const name of signalNames) this.io.signals?.on(name, () => this.#onSignal(name));
    }
    return this.#interruption.signal;
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

  /** Nothing more can be written. A command that ends in order goes on without: its terminal may have gone with the signal. */
  #onClosed(error: NodeJS.ErrnoException): void {
    if (this.#interruption.signal.aborted || (error.code === 'EIO' && this.stdout.isTerminal)) return;
    if (error.code === 'EPIPE') {
      this.#cutWith(exitCodes.ok);
      return;
    }
    this.failure = new CliError('the output cannot be written', exitCodes.failed, { cause: error });
    if (this.#endsInOrder) this.#interruption.abort(this.failure);
    else this.#failWith(this.failure);
  }

  #onSignal(name: SignalName): void {
    const { what, code } = ends[name];
    if (this.#interruption.signal.aborted) {
      this.#cutWith(code);
      return;
    }
    this.#interruption.abort(new CliError(what, code));
  }
}
