import type { RunError } from '../../../../distributed/index.js';
import { type ErrorData, errorData } from '../../../output/error-data.js';
import { harmless, oneLine } from '../../../output/text.js';
import { timeOf } from '../../../output/times.js';
import type { Session } from '../../../session.js';
import type { EngineFlags } from '../../../setup/engine.js';
import { withFleet } from '../../../setup/fleet.js';
import { type RevealFlags, type RunRedactor, redactorOf } from '../../../setup/redaction.js';

interface ErrorsFlags extends EngineFlags, RevealFlags {
  readonly json?: boolean;
}

/** Lists the errors of a run. */
export function errors(session: Session, runId: string, flags: ErrorsFlags): Promise<void> {
  return withFleet(session, flags, async ({ orchestrator, found }) => {
    const redact = redactorOf(found, flags);
    const shown = (await orchestrator.errors(runId)).map((error) => dataOf(session, error, redact));
    if (flags.json === true) session.stdout.json({ runId, errors: shown });
    else if (shown.length === 0) session.stderr.line('no errors');
    else for (const error of shown) write(session, error);
  });
}

interface ShownError extends Omit<RunError, 'error'> {
  readonly error: ErrorData;
}

function dataOf({ isVerbose }: Session, { error, ...rest }: RunError, redact: RunRedactor): ShownError {
  return { ...rest, error: redact.value(errorData(error, { stack: isVerbose })) as ErrorData };
}

function write({ stdout }: Session, { nodeId, attempt, time, workerId, isFinal, error }: ShownError): void {
  const what = isFinal ? stdout.styled('red', 'failed') : stdout.styled('yellow', 'will be retried');
  stdout.line(`${timeOf(time)}  ${oneLine(nodeId)}  attempt ${attempt}, ${what}, on ${oneLine(workerId)}`);
  let prefix = '  ';
  for (let current: ErrorData | undefined = error; current !== undefined; prefix = '  caused by ') {
    const { name, message, stack, cause }: ErrorData = current;
    stdout.line(`${prefix}${oneLine(`${name}: ${message}`)}`);
    if (stack !== undefined) stdout.line(harmless(framesOf(stack)));
    current = cause;
  }
}

function framesOf(stack: string): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return frames.map((line) => `    ${line.trim()}`).join('\n');
}
