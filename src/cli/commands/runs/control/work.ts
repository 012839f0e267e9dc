import type { DistributedOrchestrator } from '../../../../distributed/index.js';
import { report } from '../../../errors.js';
import { CliError, exitCodeOf } from '../../../exit-codes.js';
import { oneLine } from '../../../output/text.js';
import type { Session } from '../../../session.js';
import type { EngineFlags } from '../../../setup/engine.js';
import { withFleet } from '../../../setup/fleet.js';

interface ControlFlags extends EngineFlags {
  readonly json?: boolean;
  readonly reason?: string;
}

interface Control {
  /** Past participle for the confirmation, as in `order-42 cancelled`. */
  readonly done: string;
  act(orchestrator: DistributedOrchestrator, runId: string, flags: ControlFlags): Promise<void>;
}

const controls = {
  cancel: { done: 'cancelled', act: (orchestrator, runId, { reason }) => orchestrator.cancel(runId, reason) },
  pause: { done: 'paused', act: (orchestrator, runId) => orchestrator.pause(runId) },
  resume: { done: 'resumed', act: (orchestrator, runId) => orchestrator.resume(runId) },
  retry: { done: 'retried', act: (orchestrator, runId) => orchestrator.retry(runId) },
} satisfies Readonly<Record<string, Control>>;

export type ControlName = keyof typeof controls;

/** Cancels, pauses, resumes or retries runs. */
export function controlOf(name: ControlName) {
  return (session: Session, runIds: readonly string[], flags: ControlFlags): Promise<void> =>
    withFleet(session, flags, ({ orchestrator }) => each(session, orchestrator, controls[name], runIds, flags));
}

/** Acts on each run. A failure does not stop the actions on the other runs, but makes the command fail at the end. */
async function each(
  session: Session,
  orchestrator: DistributedOrchestrator,
  { act, done }: Control,
  runIds: readonly string[],
  flags: ControlFlags,
): Promise<void> {
  const { stdout } = session;
  const failures = new Map<string, unknown>();
  for (const runId of runIds) {
    try {
      await act(orchestrator, runId, flags);
      if (flags.json !== true) stdout.line(`${oneLine(runId)} ${done}`);
    } catch (error) {
      failures.set(runId, error);
    }
  }
  if (flags.json === true) stdout.json({ runs: runIds.map((runId) => outcomeOf(runId, failures)) });
  const errors = [...failures.values()];
  for (const error of errors.slice(0, -1)) report(session, error);
  if (errors.length === 0) return;
  throw errors.length === 1 ? errors[0] : lastOf(errors);
}

function outcomeOf(runId: string, failures: ReadonlyMap<string, unknown>): object {
  const error = failures.get(runId);
  if (error === undefined) return { runId, ok: true };
  const { message, code } = Object(error) as { message?: unknown; code?: unknown };
  return { runId, ok: false, error: { message, code } };
}

/** The last of several errors, with the exit code of the first. */
function lastOf(errors: readonly unknown[]): CliError {
  const last = errors.at(-1);
  return new CliError(last instanceof Error ? last.message : String(last), exitCodeOf(errors[0]), { cause: last });
}
