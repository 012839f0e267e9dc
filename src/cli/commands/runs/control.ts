import type { Command } from 'commander';
import type { DistributedOrchestrator } from '../../../distributed/index.js';
import { documented, withEngine } from '../../command.js';
import { report } from '../../errors.js';
import { CliError, exitCodeOf } from '../../exit-codes.js';
import { oneLine } from '../../output/text.js';
import type { Session } from '../../session.js';
import type { EngineFlags } from '../../setup/engine.js';
import { withFleet } from '../../setup/fleet.js';
import { readValue } from '../../setup/input.js';

interface ControlFlags extends EngineFlags {
  readonly json?: boolean;
  readonly reason?: string;
  readonly payload?: string;
  readonly id?: string;
}

type Act = (orchestrator: DistributedOrchestrator, runId: string, flags: ControlFlags) => Promise<void>;

interface Control {
  readonly name: string;
  readonly description: string;
  /** Past participle for the confirmation, as in `order-42 cancelled`. */
  readonly done: string;
  readonly act: Act;
  readonly example: readonly [line: string, what: string];
}

const controls: readonly Control[] = [
  {
    name: 'cancel',
    description: 'Cancel runs: waiting work is removed, and the signals of running nodes abort.',
    done: 'cancelled',
    act: (orchestrator, runId, { reason }) => orchestrator.cancel(runId, reason),
    example: ['orchestrator runs cancel order-42 --reason "ordered twice"', 'cancel a run, and say why'],
  },
  {
    name: 'pause',
    description: 'Pause runs: running nodes finish, and no other node starts.',
    done: 'paused',
    act: (orchestrator, runId) => orchestrator.pause(runId),
    example: ['orchestrator runs pause order-42', 'pause a run'],
  },
  {
    name: 'resume',
    description: 'Resume paused runs.',
    done: 'resumed',
    act: (orchestrator, runId) => orchestrator.resume(runId),
    example: ['orchestrator runs resume order-42', 'resume the run'],
  },
  {
    name: 'retry',
    description: 'Retry runs that failed, stalled or were cancelled. Completed nodes are not repeated.',
    done: 'retried',
    act: (orchestrator, runId) => orchestrator.retry(runId),
    example: ['orchestrator runs retry order-42', 'execute the failed nodes again'],
  },
];

/** Adds `cancel`, `pause`, `resume` and `retry`, each for any number of runs. */
export function addControls(parent: Command, session: Session): void {
  for (const control of controls) {
    const command = parent
      .command(control.name)
      .description(control.description)
      .argument('<run-ids...>', 'ids of the runs');
    if (control.name === 'cancel')
      command.option('--reason <text>', "reason, which becomes the run's error (default: cancelled)");
    withEngine(command).action((runIds: string[], flags: ControlFlags) =>
      withFleet(session, flags, ({ orchestrator }) => each(session, orchestrator, control, runIds, flags)),
    );
    documented(command, { examples: [control.example], json: `{ runs: { runId, ok, error? }[] }` });
  }
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

export function addSignal(parent: Command, session: Session): void {
  const command = parent
    .command('signal')
    .description('Deliver an event to a run that waits for it, now or later.')
    .argument('<run-id>', 'id of the run')
    .argument('<event>', 'name of the event; by default, a wait has the id of its node as its event')
    .option(
      '--payload <json>',
      'payload of the event: JSON, a file with JSON, or - for the standard input (default: null)',
    )
    .option('--id <id>', 'id of this signal; signals with the same id count once (default: each counts)');
  withEngine(command).action((runId: string, event: string, flags: ControlFlags) =>
    withFleet(session, flags, async ({ orchestrator }) => {
      const payload = flags.payload === undefined ? null : await readValue(session.io, '--payload', flags.payload);
      await orchestrator.signal(runId, event, payload, { id: flags.id });
      if (flags.json === true) session.stdout.json({ runs: [{ runId, ok: true }] });
      else session.stdout.line(`${oneLine(runId)} has received ${oneLine(event)}`);
    }),
  );
  documented(command, {
    examples: [
      ['orchestrator runs signal order-42 approval --payload \'{"approved":true}\'', 'let a waiting run continue'],
      ['orchestrator runs signal order-42 paid --id payment-7', 'send it again after a failure: it counts once'],
    ],
    json: '{ runs: { runId, ok }[] }',
  });
}
