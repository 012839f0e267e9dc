import type { Command } from 'commander';
import type { RunError } from '../../../distributed/index.js';
import { documented, withEngine } from '../../command.js';
import { type ErrorData, errorData } from '../../output/error-data.js';
import { harmless, oneLine } from '../../output/text.js';
import { timeOf } from '../../output/times.js';
import type { Session } from '../../session.js';
import type { EngineFlags } from '../../setup/engine.js';
import { withFleet } from '../../setup/fleet.js';
import { type RevealFlags, type RunRedactor, redactorOf, withReveal } from '../../setup/redaction.js';

interface ErrorsFlags extends EngineFlags, RevealFlags {
  readonly json?: boolean;
}

export function addErrors(parent: Command, session: Session): void {
  const command = parent
    .command('errors')
    .description('List the errors of a run in order, with their causes; with --verbose, also with stacks.')
    .argument('<run-id>', 'id of the run');
  withReveal(withEngine(command)).action((runId: string, flags: ErrorsFlags) =>
    withFleet(session, flags, async ({ orchestrator, found }) => {
      const redact = redactorOf(found, flags);
      const errors = (await orchestrator.errors(runId)).map((error) => dataOf(session, error, redact));
      if (flags.json === true) session.stdout.json({ runId, errors });
      else if (errors.length === 0) session.stderr.line('no errors');
      else for (const error of errors) write(session, error);
    }),
  );
  documented(command, {
    examples: [['orchestrator runs errors order-42', 'why the run failed']],
    json: `{ runId, errors: { nodeId, visit, attempt, time, workerId, isFinal,
  error: { name, message, code?, cause?, errors?, stack? (with --verbose) } }[] }`,
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
