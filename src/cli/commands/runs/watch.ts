import type { Command } from 'commander';
import {
  isFinished,
  type RunEvent,
  type RunStatus,
  runStatuses,
  type StatusChange,
} from '../../../distributed/index.js';
import { formatDuration } from '../../../shared/durations.js';
import { choices, documented, withEngine } from '../../command.js';
import { CliError, exitCodes } from '../../exit-codes.js';
import { errorData } from '../../output/error-data.js';
import { oneLine } from '../../output/text.js';
import { clockOf } from '../../output/times.js';
import type { Session } from '../../session.js';
import type { EngineFlags } from '../../setup/engine.js';
import { type Fleet, withFleet } from '../../setup/fleet.js';
import { type RevealFlags, type RunRedactor, redactorOf, withReveal } from '../../setup/redaction.js';
import { coloured } from './statuses.js';

interface WatchFlags extends EngineFlags, RevealFlags {
  readonly status?: readonly RunStatus[];
  readonly json?: boolean;
}

export function addWatch(parent: Command, session: Session): void {
  const command = parent
    .command('watch')
    .description('Follow the events of a run until it ends; without an id, follow the status changes of all runs.')
    .argument('[run-id]', 'id of the run (default: all runs, until interrupted)')
    .addOption(
      choices(
        '--status <statuses>',
        'without an id: only changes to one of these statuses, separated by commas',
        runStatuses,
      ),
    );
  withReveal(withEngine(command)).action((runId: string | undefined, flags: WatchFlags) =>
    withFleet(session, flags, (fleet) =>
      runId === undefined ? followAll(session, fleet, flags) : follow(session, fleet, runId, flags),
    ),
  );
  documented(command, {
    examples: [
      ['orchestrator runs watch order-42', 'follow a run; the exit code says how it ended'],
      ['orchestrator runs watch --status failed --json', 'a line for each run that fails from now on'],
    ],
    json: `one line for each event of a run: { seq, time, type, nodeId?, visit?, attempt?, workerId?, duration?, output?,
  error?, delay?, event?, status? }, and at its end { type: "over", runId, status, output?, error? };
without an id: { time, runId, status }`,
    text: 'With an id, the exit code is 0 if the run completed, and 1 if it ended otherwise. Without an id, changes may be missed\nwhile the engine is unreachable.',
  });
}

/**
 * Writes the events of a run until the run ends.
 *
 * @throws {CliError} if the run does not complete
 */
export async function follow(
  session: Session,
  { orchestrator, found }: Fleet,
  runId: string,
  flags: WatchFlags,
): Promise<void> {
  const { stdout } = session;
  const redact = redactorOf(found, flags);
  const signal = session.interruption();
  for await (const event of orchestrator.events(runId, { signal })) {
    if (flags.json === true) stdout.jsonLine(dataOf(event, redact));
    else stdout.line(lineOf(session, event, redact));
    await stdout.drained();
  }
  signal.throwIfAborted();
  const { status, output, error: failure, startAt, finishedAt = startAt } = await orchestrator.run(runId);
  const error = failure && redact.text(failure);
  if (flags.json === true) stdout.jsonLine({ type: 'over', runId, status, output: redact.value(output), error });
  const subject = `run "${oneLine(runId)}"`;
  const after = `after ${formatDuration(finishedAt - startAt)}`;
  if (status !== 'completed') {
    throw new CliError(`${subject} ${status} ${after}${error === undefined ? '' : `: ${error}`}`, exitCodes.failed);
  }
  if (flags.json !== true) session.stderr.line(session.stderr.styled('dim', `${subject} completed ${after}`));
}

/**
 * Writes status changes of all runs until a signal arrives. The signal is the normal end of the command, not a failure.
 */
async function followAll(session: Session, { engine }: Fleet, flags: WatchFlags): Promise<void> {
  const { stdout } = session;
  const onChange = ({ runId, status }: StatusChange) => {
    if (flags.status !== undefined && !flags.status.includes(status)) return;
    const time = Date.now();
    if (flags.json === true) stdout.jsonLine({ time, runId, status });
    else stdout.line(`${clockOf(time)}  ${padded(session, status)}  ${oneLine(runId)}`);
  };
  const signal = session.interruption();
  const unsubscribe = await engine.subscribe(onChange);
  session.stderr.line(session.stderr.styled('dim', `watching ${engine.name}`));
  try {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  } finally {
    unsubscribe();
  }
  signal.throwIfAborted();
}

const widest = 'completed'.length;

function padded({ stdout }: Session, status: string): string {
  return coloured(stdout, status) + ' '.repeat(Math.max(0, widest - status.length));
}

function lineOf(session: Session, event: RunEvent, redact: RunRedactor): string {
  const subject = event.nodeId ?? event.status ?? event.event ?? '';
  // A run that starts to wait has not ended.
  const type =
    event.status !== undefined && event.type === 'concluded' && !isFinished(event.status) ? 'now' : event.type;
  return [clockOf(event.time), padded(session, type), oneLine(subject), detailOf(event, redact)].join('  ').trimEnd();
}

function detailOf({ nodeId, attempt = 1, duration, delay, error, event }: RunEvent, redact: RunRedactor): string {
  const parts = [
    attempt > 1 ? `attempt ${attempt}` : undefined,
    duration === undefined ? undefined : formatDuration(duration),
    nodeId !== undefined && event !== undefined ? `waits for ${oneLine(event)}` : undefined,
    error === undefined ? undefined : oneLine(redact.text(errorData(error).message)),
    delay === undefined ? undefined : `again in ${formatDuration(delay)}`,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

function dataOf({ output, error, ...event }: RunEvent, redact: RunRedactor): object {
  return {
    ...event,
    ...(output === undefined ? {} : { output: redact.value(output) }),
    ...(error === undefined ? {} : { error: redact.value(errorData(error)) }),
  };
}
