import type { Command } from 'commander';
import { documented, loaded } from '../../../command.js';
import { withEngine } from '../../../options.js';
import type { Session } from '../../../session.js';
import type { ControlName } from './work.js';

interface Control {
  readonly name: ControlName;
  readonly description: string;
  readonly example: readonly [line: string, what: string];
}

const controls: readonly Control[] = [
  {
    name: 'cancel',
    description: 'Cancel runs: waiting work is removed, and the signals of running nodes abort.',
    example: ['orchestrator runs cancel order-42 --reason "ordered twice"', 'cancel a run, and say why'],
  },
  {
    name: 'pause',
    description: 'Pause runs: running nodes finish, and no other node starts.',
    example: ['orchestrator runs pause order-42', 'pause a run'],
  },
  {
    name: 'resume',
    description: 'Resume paused runs.',
    example: ['orchestrator runs resume order-42', 'resume the run'],
  },
  {
    name: 'retry',
    description: 'Retry runs that failed, stalled or were cancelled. Completed nodes are not repeated.',
    example: ['orchestrator runs retry order-42', 'execute the failed nodes again'],
  },
];

/** Adds `cancel`, `pause`, `resume` and `retry`, each for any number of runs. */
export function addControls(parent: Command, session: Session): void {
  for (const { name, description, example } of controls) {
    const command = parent.command(name).description(description).argument('<run-ids...>', 'ids of the runs');
    if (name === 'cancel')
      command.option('--reason <text>', "reason, which becomes the run's error (default: cancelled)");
    withEngine(command).action(loaded(session, async () => (await import('./work.js')).controlOf(name)));
    documented(command, { examples: [example], json: `{ runs: { runId, ok, error? }[] }` });
  }
}
