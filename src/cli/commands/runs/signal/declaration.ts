import type { Command } from 'commander';
import { documented, loaded } from '../../../command.js';
import { withEngine } from '../../../options.js';
import type { Session } from '../../../session.js';

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
  withEngine(command).action(loaded(session, async () => (await import('./work.js')).signal));
  documented(command, {
    examples: [
      ['orchestrator runs signal order-42 approval --payload \'{"approved":true}\'', 'let a waiting run continue'],
      ['orchestrator runs signal order-42 paid --id payment-7', 'send it again after a failure: it counts once'],
    ],
    json: '{ runs: { runId, ok, outcome }[] }   (outcome: delivered, kept, too-late, dropped or duplicate)',
    text: 'A signal that is kept is delivered to the next node that waits for the event. The exit code is that of a conflict if\nthe signal comes too late, because its waits have ended or expired, or the run has ended.',
  });
}
