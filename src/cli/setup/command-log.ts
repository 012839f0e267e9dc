import { errorData, textOf } from '../output/error-data.js';
import { jsonOf } from '../output/json.js';
import { harmless, oneLine } from '../output/text.js';
import { clockOf } from '../output/times.js';
import type { Session } from '../session.js';
import type { RunRedactor } from './redaction.js';

const asItIs: RunRedactor = { value: (value) => value, text: (text) => text };

/**
 * The log of a long-running program: lines for people on standard error, or with `--json` lines of JSON on standard
 * output.
 */
export class CommandLog {
  constructor(
    private readonly session: Session,
    private readonly flags: { readonly json?: boolean | undefined },
    private readonly redactor: RunRedactor = asItIs,
  ) {}

  info(message: string, details: object): void {
    this.#say('info', message, details);
  }

  /**
   * Logs a handled error.
   *
   * @param tell - creates the line from the error's message, for example with its place. Default: the message alone
   */
  warn(error: unknown, details: object, tell: (message: string) => string = (message) => message): void {
    const { isVerbose } = this.session;
    const data = this.redactor.value(errorData(error, { stack: isVerbose }));
    this.#say('warn', tell(this.redactor.text(errorData(error).message)), { ...details, error: data });
    if (isVerbose && this.flags.json !== true && error instanceof Error) {
      this.session.stderr.line(harmless(this.session.cleaned(this.redactor.text(textOf(error.stack)))));
    }
  }

  #say(level: 'info' | 'warn', message: string, details: object): void {
    const { stdout, stderr } = this.session;
    const text = this.session.cleaned(message);
    const time = Date.now();
    if (this.flags.json === true) {
      stdout.line(this.session.cleaned(jsonOf({ time, level, message: text, ...details })));
      return;
    }
    const mark = level === 'warn' ? `${stderr.styled('yellow', 'warning:')} ` : '';
    stderr.line(`${stderr.styled('dim', clockOf(time))}  ${mark}${oneLine(text)}`);
  }
}
