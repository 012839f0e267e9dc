import type { Command } from 'commander';
import { documented, loaded } from '../../command.js';
import { whole, withEngine, withServing, withTimeout } from '../../options.js';
import type { Session } from '../../session.js';

/**
 * `orchestrator orchestrate`: one program with loops, the runs of an engine, or both, and the dashboard to operate
 * them.
 */
export function addOrchestrate(parent: Command, session: Session): void {
  const command = parent
    .command('orchestrate')
    .summary('start loops, and serve the dashboard for loops and runs')
    .description(
      'Start the loops that the modules export, and serve the dashboard for them and for the runs of an engine. The commands "loops" and "dead-letters" connect to it.',
    )
    .argument(
      '[modules...]',
      'modules that export loops, workflows of loops, or flows (default: those in the config file)',
    )
    .option('--worker', 'also execute the flows of the modules in this program')
    .option('--concurrency <count>', 'with --worker: maximum number of nodes at the same time (default: 10)', whole(1))
    .option('--store <directory>', 'directory that keeps the queues, cursors and dead letters of loops');
  withTimeout(command, 'time to finish running work after a signal');
  withServing(withEngine(command)).action(loaded(session, async () => (await import('./work.js')).orchestrate));
  documented(command, {
    examples: [
      ['orchestrator orchestrate ./loops.js', 'start loops, and print the address of the dashboard'],
      [
        'orchestrator orchestrate ./order.js --worker --engine pglite:./data',
        'a fleet in one program; its runs survive restarts',
      ],
    ],
    json: `one line on the standard output for each event: { time, level, message, ... }, one of them with
{ url, token } of the dashboard`,
    text: 'Ends when all loops have ended, or on SIGINT, SIGTERM or SIGHUP: the first signal lets running work finish, the second\nends at once. The exit code is 1 if a loop ended with an error, or if work was cut off.',
  });
}
