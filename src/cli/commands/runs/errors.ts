import type { Command } from 'commander';
import type { RunError } from '../../../distributed/index.js';
import { documented, withEngine } from '../../command.js';
import { errorData } from '../../output/json.js';
import { harmless, oneLine } from '../../output/text.js';
import { timeOf } from '../../output/times.js';
import type { Session } from '../../session.js';
import type { EngineFlags } from '../../setup/engine.js';
import { withFleet } from '../../setup/fleet.js';

interface ErrorsFlags extends EngineFlags {
  readonly json?: boolean;
}

export function addErrors(parent: Command, session: Session): void {
  const command = parent
    .command('errors')
    .description('What has gone wrong in a run, in order, with causes; with --verbose, with stacks.')
    .argument('<run-id>', 'id of the run');
  withEngine(command).action((runId: string, flags: ErrorsFlags) =>
    withFleet(session, flags, async ({ orchestrator }) => {
      const errors = await orchestrator.errors(runId);
      if (flags.json === true) session.stdout.json({ runId, errors: errors.map((error) => dataOf(session, error)) });
      else if (errors.length === 0) session.stderr.line('no errors');
      else for (const error of errors) write(session, error);
    }),
  );
  documented(command, {
    examples: [['orchestrator runs errors order-42', 'why it has failed']],
    json: `{ runId, errors: { nodeId, visit, attempt, time, workerId, isFinal,
  error: { name, message, code?, cause?, stack? (with --verbose) } }[] }`,
  });
}

function dataOf({ isVerbose }: Session, { error, ...rest }: RunError): object {
  return { ...rest, error: errorData(error, { stack: isVerbose }) };
}

function write({ stdout, isVerbose }: Session, { nodeId, attempt, time, workerId, isFinal, error }: RunError): void {
  const what = isFinal ? stdout.styled('red', 'failed') : stdout.styled('yellow', 'will be tried again');
  stdout.line(`${timeOf(time)}  ${oneLine(nodeId)}  attempt ${attempt}, ${what}, on ${oneLine(workerId)}`);
  let prefix = '  ';
  for (let current = error; current !== undefined; prefix = '  caused by ') {
    const { name = 'Error', message = current, stack, cause } = Object(current) as Partial<Error>;
    stdout.line(`${prefix}${oneLine(`${name}: ${String(message)}`)}`);
    if (isVerbose && stack !== undefined) stdout.line(harmless(framesOf(stack)));
    current = cause;
  }
}

function framesOf(stack: string): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return frames.map((line) => `    ${line.trim()}`).join('\n');
}
