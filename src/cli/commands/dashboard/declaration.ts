import type { Command } from 'commander';
import { documented, loaded } from '../../command.js';
import { withEngine, withServing } from '../../options.js';
import type { Session } from '../../session.js';

/** `orchestrator dashboard`: the runs of an engine in a browser. */
export function addDashboard(parent: Command, session: Session): void {
  const command = parent
    .command('dashboard')
    .summary('serve the dashboard for an engine')
    .description(
      'Serve the dashboard for the runs of an engine and print its address. Ends on SIGINT, SIGTERM or SIGHUP.',
    );
  withServing(withEngine(command)).action(loaded(session, async () => (await import('./work.js')).dashboard));
  documented(command, {
    examples: [
      ['orchestrator dashboard --engine redis://127.0.0.1:6379', 'open the printed address in a browser'],
      ['orchestrator dashboard --port 8080 --read-only', 'without actions'],
    ],
    json: 'one line: { time, level, message, url, token }',
    text: 'The printed address contains the token: anyone who has it can act on runs.',
  });
}
