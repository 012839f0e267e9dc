import { isFinished, type RunEvent, type RunStatus, type StatusChange } from '../../../../distributed/index.js';
import { formatDuration } from '../../../../shared/durations.js';
import { CliError, exitCodes } from '../../../exit-codes.js';
import { errorData } from '../../../output/error-data.js';
import { coloured } from '../../../output/statuses.js';
import { oneLine } from '../../../output/text.js';
import { clockOf } from '../../../output/times.js';
import type { Session } from '../../../session.js';
import type { EngineFlags } from '../../../setup/engine.js';
import { type Fleet, withFleet } from '../../../setup/fleet.js';
import { type RevealFlags, type RunRedactor, redactorOf } from '../../../setup/redaction.js';

interface WatchFlags extends EngineFlags, RevealFlags {
  readonly status?: readonly RunStatus[];
  readonly json?: boolean;
}

/** Follows a run, or without an id all runs. */
export function watch(session: Session, runId: string | undefined, flags: WatchFlags): Promise<void> {
  return withFleet(session, flags, (fleet) =>
    runId === undefined ? followAll(session, fleet, flags) : follow(session, fleet, runId, flags),
  );
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
