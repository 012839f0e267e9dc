import type { Command } from 'commander';
import { runStatuses } from '../../../../distributed/status/index.js';
import { documented, loaded } from '../../../command.js';
import { choices, withEngine, withReveal } from '../../../options.js';
import type { Session } from '../../../session.js';

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
  withReveal(withEngine(command)).action(loaded(session, async () => (await import('./work.js')).watch));
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
