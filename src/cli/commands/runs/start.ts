import type { Command } from 'commander';
import { type StartedRun, WorkflowNotFoundError } from '../../../distributed/index.js';
import { documented, duration, whole, withEngine } from '../../command.js';
import { CliError, exitCodes } from '../../exit-codes.js';
import { oneLine, versionText } from '../../output/text.js';
import type { Session } from '../../session.js';
import type { EngineFlags } from '../../setup/engine.js';
import { type Fleet, withFleet } from '../../setup/fleet.js';
import { type InputFlags, readInputs } from '../../setup/input.js';
import { follow } from './watch.js';

interface StartFlags extends EngineFlags, InputFlags {
  readonly workflowVersion?: string;
  readonly runId?: string;
  readonly delay?: number;
  readonly priority?: number;
  readonly timeout?: number;
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** Maximum number of workflows that a message lists. */
const mostNamed = 20;

export function addStart(parent: Command, session: Session): void {
  const command = parent
    .command('start')
    .description('Start a run on the engine; workers execute it.')
    .argument('<workflow>', 'id of a workflow that a worker or program has registered on the engine')
    .option('--input <json>', 'input of the first nodes: JSON, a file with JSON, or - for the standard input')
    .option('--context <json>', 'initial context of the run: a JSON object, given like --input')
    .option('--run-id <id>', 'id of the run; a run that exists already is not started again (default: a new id)')
    .option('--workflow-version <version>', 'version of the workflow (default: the one registered last)')
    .option('--delay <duration>', 'time before the run starts', duration)
    .option('--priority <number>', 'priority from 0, which goes first, to 2097151 (default: 0)', whole(0, 2_097_151))
    .option('--timeout <duration>', 'time limit of the run, from its start', duration)
    .option('--wait', 'follow the run until it ends; its status decides the exit code');
  withEngine(command).action((workflow: string, flags: StartFlags) =>
    withFleet(session, flags, (fleet) => start(session, fleet, workflow, flags)),
  );
  documented(command, {
    examples: [
      ['orchestrator runs start order --context \'{"orderId":"42"}\' --run-id order-42', 'start a run, once'],
      ['orchestrator runs start report --delay 1h --wait', 'start a run in an hour, and wait for its end'],
    ],
    json: '{ runId, workflow, started }   (started: false if a run with this id existed already; with --wait followed\nby the lines of runs watch)',
  });
}

async function start(session: Session, fleet: Fleet, workflow: string, flags: StartFlags): Promise<void> {
  const { workflowVersion: version, runId, delay, priority, timeout, wait, json } = flags;
  const { input, context } = await readInputs(session.io, flags);
  const request = { id: runId, context, input, version, delay, priority, timeout };
  const { id, existed } = await begun(fleet, () => fleet.orchestrator.start(workflow, request));
  const started = !existed;
  if (existed) session.stderr.line(`run "${oneLine(id)}" exists already: nothing was started`);
  if (json !== true) session.stdout.line(oneLine(id));
  else if (wait === true) session.stdout.jsonLine({ runId: id, workflow, started });
  else session.stdout.json({ runId: id, workflow, started });
  if (wait === true) await follow(session, fleet, id, flags);
}

/**
 * Starts the run. If the workflow is unknown, the error lists the workflows of the engine, because a command knows no
 * others.
 */
async function begun({ orchestrator }: Fleet, begin: () => Promise<StartedRun>): Promise<StartedRun> {
  try {
    return await begin();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const known = await orchestrator.listWorkflows();
    if (known.length === 0) {
      const what = 'this engine has no workflows yet: start a worker or a program that has the workflow';
      throw new CliError(what, exitCodes.notFound);
    }
    const names = known.map(({ id, version }) => versionText(`${id}@${version}`));
    throw new CliError(`${whichOf(error)} is not on this engine: it has ${listed(names)}`, exitCodes.notFound);
  }
}

function whichOf({ workflow, version }: WorkflowNotFoundError): string {
  const which = `workflow "${oneLine(workflow)}"`;
  return version === undefined ? which : `${which} in version "${versionText(version)}"`;
}

function listed(names: readonly string[]): string {
  const more = names.length - mostNamed;
  return names.slice(0, mostNamed).join(', ') + (more > 0 ? `, and ${more} more` : '');
}
