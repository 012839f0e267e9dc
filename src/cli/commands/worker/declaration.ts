import type { Command } from 'commander';
import { documented, loaded } from '../../command.js';
import { whole, wholeOrAuto, withEngine, withTimeout } from '../../options.js';
import type { Session } from '../../session.js';

/** `orchestrator worker`: executes nodes of the runs of an engine until a signal ends it. */
export function addWorker(parent: Command, session: Session): void {
  const command = parent
    .command('worker')
    .summary('execute the runs of an engine')
    .description('Execute the runs of an engine: all flows that the modules export. Ends on SIGINT, SIGTERM or SIGHUP.')
    .argument('[modules...]', 'modules that export flows (default: the workflows in the config file)')
    .option('--concurrency <count>', 'maximum number of nodes at the same time (default: 10)', whole(1))
    .option(
      '--nodes-per-job <count>',
      "nodes that become ready together and share a job, or 'auto': as many as are short (default: auto)",
      wholeOrAuto(1, 200),
    )
    .option('--id <id>', 'name of the worker in health and errors (default: host, process id and a random part)');
  withTimeout(command, 'time to finish running nodes after a signal');
  withEngine(command).action(loaded(session, async () => (await import('./work.js')).work));
  documented(command, {
    examples: [
      [
        'REDIS_URL=redis://127.0.0.1:6379 orchestrator worker ./order.js ./refund.js --concurrency 50',
        'a worker for two modules',
      ],
      ['orchestrator worker --json 2>/dev/null', 'its log as lines of JSON'],
    ],
    json: `one line on the standard output for each event: { time, level, message, ... }`,
    text: 'The first signal lets running nodes finish, up to the timeout; the second ends at once, and other workers take over.',
  });
}
