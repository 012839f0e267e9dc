import { CliError, type ExitCode, exitCodes } from './exit-codes.js';
import type { Io, SignalName } from './io.js';
import { Output } from './output/output.js';

/** Options of every command. */
export interface GlobalOptions {
  readonly json?: boolean | undefined;
  readonly color?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

/** Messages and exit codes of the signals. */
const ends = {
  SIGINT: { what: 'interrupted', code: exitCodes.interrupted },
  SIGTERM: { what: 'terminated', code: exitCodes.terminated },
  SIGHUP: { what: 'the terminal was closed', code: exitCodes.hungUp },
} as const satisfies Record<SignalName, { readonly what: string; readonly code: ExitCode }>;

const signalNames = Object.keys(ends) as SignalName[];

/**
 * A call of the command line: its streams, its early end, and the secrets that must not be printed.
 *
 * The first signal asks a command that handles signals to end in order. A second signal ends the command at once, and
 * so does a reader that closes the pipe. In both cases `cut` resolves with the exit code, even if work is still
 * running. Any other failed write, such as to a full disk, fails the command.
 */
export class Session {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Resolves with the exit code if the command must end at once. Rejects if the output cannot be written. */
  readonly cut: Promise<number>;
  #failWith: (error: CliError) => void = () => undefined;
  isVerbose = false;
  /** The reason why the output is incomplete. */
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
   * Returns a signal that aborts when the command is asked to end. The abort reason is a `CliError` with the exit code
   * for this case. After the first call, signals of the system no longer end the program.
   */
  interruption(): AbortSignal {
    if (!this.#endsInOrder) {
      this.#endsInOrder = true;
      for (const name of signalNames) this.io.signals?.on(name, () => this.#onSignal(name));
    }
    return this.#interruption.signal;
  }

  /** Replaces a secret by `shown` in all messages and stacks. */
  hide(secret: string, shown = '***'): void {
    if (secret !== '') this.#secrets.set(secret, shown);
  }

  /** The text without secrets. */
  cleaned(text: string): string {
    let cleaned = text;
    for (const [secret, shown] of this.#secrets) cleaned = cleaned.replaceAll(secret, shown);
    return cleaned;
  }

  /**
   * Handles a failed write. A command that is already ending in order continues, because its terminal may have been
   * closed together with the signal.
   */
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
