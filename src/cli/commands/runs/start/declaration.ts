import type { Command } from 'commander';
import { documented, loaded } from '../../../command.js';
import { duration, whole, withEngine } from '../../../options.js';
import type { Session } from '../../../session.js';

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
  withEngine(command).action(loaded(session, async () => (await import('./work.js')).start));
  documented(command, {
    examples: [
      ['orchestrator runs start order --context \'{"orderId":"42"}\' --run-id order-42', 'start a run, once'],
      ['orchestrator runs start report --delay 1h --wait', 'start a run in an hour, and wait for its end'],
    ],
    json: '{ runId, workflow, started }   (started: false if a run with this id existed already; with --wait followed\nby the lines of runs watch)',
  });
}
