import { type StartedRun, WorkflowNotFoundError } from '../../../../distributed/index.js';
import { CliError, exitCodes } from '../../../exit-codes.js';
import { oneLine, versionText } from '../../../output/text.js';
import type { Session } from '../../../session.js';
import type { EngineFlags } from '../../../setup/engine.js';
import { withExpectation } from '../../../setup/expected.js';
import { type Fleet, withFleet } from '../../../setup/fleet.js';
import { type InputFlags, readInputs } from '../../../setup/input.js';
import { follow } from '../watch/work.js';

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

/** Starts a run, and follows it if asked to. */
export function start(session: Session, workflow: string, flags: StartFlags): Promise<void> {
  return withFleet(session, flags, (fleet) => startIn(session, fleet, workflow, flags));
}

async function startIn(session: Session, fleet: Fleet, workflow: string, flags: StartFlags): Promise<void> {
  const { workflowVersion: version, runId, delay, priority, timeout, wait, json } = flags;
  const { input, context } = await readInputs(session.io, flags);
  const request = { id: runId, context, input, version, delay, priority, timeout };
  const { id, existed } = await begun(fleet, () => fleet.orchestrator.start(workflow, request)).catch(
    async (error: unknown) => {
      const inputSchema = async () => (await fleet.orchestrator.blueprint(workflow, version)).input;
      throw await withExpectation(error, 'input', inputSchema);
    },
  );
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
