import { resolve } from 'node:path';
import {
  DryRunExecutor,
  FileCheckpointStore,
  Flow,
  FlowNode,
  FlowRuntime,
  type Graph,
  LockedError,
  type WorkflowResult,
} from '../../../flow/index.js';
import { formatDuration } from '../../../shared/durations.js';
import { CliError, exitCodes, Unfinished, usageError } from '../../exit-codes.js';
import { errorData } from '../../output/error-data.js';
import { writeTable } from '../../output/table.js';
import { harmless, oneLine } from '../../output/text.js';
import { valueText } from '../../output/value.js';
import type { Session } from '../../session.js';
import { expectationOf, withExpectation } from '../../setup/expected.js';
import { readInputs, readValue } from '../../setup/input.js';
import { chooseFlow, idOf, loadModule, runtimeOf, type Workflow } from '../../setup/modules.js';
import { isToldInLines, withProgress } from '../../setup/progress.js';

interface RunFlags {
  readonly input?: string;
  readonly context?: string;
  readonly dryRun?: boolean;
  readonly concurrency?: number;
  readonly timeout?: number;
  readonly checkpoint?: string;
  readonly resume?: string;
  readonly event?: readonly string[];
  readonly runId?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** Runs a flow of a module, and writes its output. */
export async function run(session: Session, module: string, name: string | undefined, flags: RunFlags): Promise<void> {
  const exports = await loadModule(module, session.io.cwd);
  const flow = chooseFlow(exports, name);
  const runtime = runtimeOf(exports) ?? new FlowRuntime();
  const refused = async (error: unknown) => {
    throw await withExpectation(error, 'input', () => graphOf(flow).input);
  };
  if (flags.dryRun === true) return dryRun(session, flow, flags).catch(refused);
  const begun = performance.now();
  const carriedOut = () => carryOut(session, runtime, flow, flags).catch(asConflict).catch(refused);
  const result = await withProgress(session, flags, carriedOut);
  const milliseconds = Math.round(performance.now() - begun);
  if (flags.json === true) session.stdout.json({ ...dataOf(result), duration: milliseconds });
  else writeOutput(session, result);
  const asked = { module, name, flow, flags };
  conclude(result, asked, { milliseconds, isTold: isToldInLines(session, flags) });
}

async function dryRun({ io, stdout }: Session, flow: Workflow, flags: RunFlags): Promise<void> {
  const { context, input } = await readInputs(io, flags);
  const walked = flow instanceof FlowNode ? flow : new Flow(flow.id).load(flow);
  const { steps, lastAction } = await new DryRunExecutor().run(walked, context, { input });
  if (flags.json === true) return stdout.json({ steps, lastAction });
  writeTable(stdout, steps, [
    { title: 'NODE', value: ({ nodeId }) => nodeId, least: 16 },
    { title: 'EXECUTES', value: ({ uses }) => uses, least: 16 },
    { title: 'ACTION', value: ({ action }) => action, least: 8 },
  ]);
}

async function carryOut(
  session: Session,
  runtime: FlowRuntime,
  flow: Workflow,
  flags: RunFlags,
): Promise<WorkflowResult> {
  const { concurrency, timeout, checkpoint: directory, resume, runId } = flags;
  if (directory === undefined && resume !== undefined) throw usageError('--resume needs --checkpoint <directory>');
  if (resume === undefined && flags.event !== undefined)
    throw usageError('--event is only for resumed runs: give --resume <id>');
  const checkpoint = directory === undefined ? undefined : new FileCheckpointStore(resolve(session.io.cwd, directory));
  const options = { concurrency, timeout, checkpoint };
  if (resume === undefined) {
    const { input, context } = await readInputs(session.io, flags);
    // Signals are handled only from here on: until the input is read, Ctrl+C ends the program at once.
    return runtime.run(flow, context, { ...options, runId, input, signal: session.interruption() });
  }
  for (const given of ['input', 'context', 'runId'] as const) {
    if (flags[given] !== undefined)
      throw usageError(
        '--input, --context and --run-id cannot be combined with --resume: the saved run has them already',
      );
  }
  if ((await checkpoint?.load(resume)) === undefined) {
    throw new CliError(`run "${resume}" is not in ${directory}`, exitCodes.notFound);
  }
  const events = await eventsOf(session, flags.event ?? []);
  return runtime.continue(flow, resume, { ...options, events, signal: session.interruption() });
}

/** Reports a run that is locked by another process as a conflict, because the same command can be tried again later. */
function asConflict(error: unknown): never {
  if (error instanceof LockedError) throw new CliError(error.message, exitCodes.conflict);
  throw error;
}

async function eventsOf({ io }: Session, given: readonly string[]): Promise<Record<string, unknown>> {
  const events = new Map<string, unknown>();
  for (const text of given) {
    const at = text.indexOf('=');
    const event = at < 0 ? text : text.slice(0, at);
    events.set(event, at < 0 ? null : await readValue(io, `--event ${event}`, text.slice(at + 1)));
  }
  return Object.fromEntries(events);
}

function writeOutput({ stdout }: Session, { output }: WorkflowResult): void {
  if (output === undefined) return;
  stdout.line(typeof output === 'string' ? harmless(output) : valueText(output));
}

function dataOf(result: WorkflowResult): object {
  const { runId, status, output, context, errors, completed, skipped, awaiting, reason } = result;
  const failures = errors.map(({ nodeId, attempts, recoveredBy, cause }) => ({
    nodeId,
    attempts,
    recoveredBy,
    error: errorData(cause),
  }));
  const refused = status === 'failed' && reason !== undefined ? { reason: errorData(reason) } : {};
  return { runId, status, output: output ?? null, context, errors: failures, ...refused, completed, skipped, awaiting };
}

/** The run that was requested. */
interface Asked {
  readonly module: string;
  readonly name: string | undefined;
  readonly flow: Workflow;
  readonly flags: RunFlags;
}

interface Telling {
  readonly milliseconds: number;
  /** If true, earlier lines have reported the failures, but not their causes. */
  readonly isTold: boolean;
}

/** Fails the command unless the run has completed. */
function conclude(result: WorkflowResult, asked: Asked, { milliseconds, isTold }: Telling): void {
  const { status, errors, unreached, reason } = result;
  if (status === 'completed') return;
  if (reason instanceof CliError) throw reason;
  const subject = `flow "${oneLine(idOf(asked.flow))}"`;
  const after = `after ${formatDuration(milliseconds)}`;
  if (status === 'awaiting') throw new Unfinished(waitingText(result, asked), exitCodes.failed);
  const failed = errors.find(({ recoveredBy }) => recoveredBy === undefined);
  const cause = failed === undefined ? reason : isTold ? causeOf(causeOf(failed)) : failed;
  const why =
    status === 'stalled' ? unreached.map(({ nodeId, reason: text }) => `${nodeId}: ${text}`).join('; ') : undefined;
  throw new CliError(`${subject} ${status} ${after}${why === undefined ? '' : `: ${why}`}`, exitCodes.failed, {
    cause,
  });
}

/** The cause of an error. The cause of a node's error is the error that the node threw. */
function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** Names the events that a run waits for, and the command that resumes the run. */
function waitingText({ awaiting, runId }: WorkflowResult, { module, name, flow, flags }: Asked): string {
  const events = [...new Set(awaiting.map(({ event }) => event))];
  const waits = `${oneLine(idOf(flow))} waits for ${events.map((event) => oneLine(event) + expectationOf(graphOf(flow).events, event)).join(', ')}`;
  if (flags.checkpoint === undefined) return `${waits}; start it with --checkpoint <directory> to be able to resume it`;
  const words = ['orchestrator', 'run', module, ...(name === undefined ? [] : [name])];
  words.push('--checkpoint', flags.checkpoint, '--resume', runId);
  const given = events.map((event) => `--event ${inShell(event)}=…`);
  return `${waits}; resume it with: ${[...words.map(inShell), ...given].join(' ')}`;
}

function graphOf(flow: Workflow): Graph {
  return flow instanceof FlowNode ? flow.toBlueprint() : flow;
}

/** A word quoted for a shell. */
function inShell(word: string): string {
  const text = oneLine(word);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
