import type { Command } from 'commander';
import { runStatuses } from '../../../../distributed/status/index.js';
import { documented, loaded } from '../../../command.js';
import { choices, time, whole, withEngine, withReveal } from '../../../options.js';
import type { Session } from '../../../session.js';

export function addList(parent: Command, session: Session): void {
  const command = parent
    .command('list')
    .alias('ls')
    .description('List runs, newest first.')
    .addOption(choices('--status <statuses>', 'only runs with one of these statuses, separated by commas', runStatuses))
    .option('--workflow <id>', 'only runs of this workflow')
    .option('--text <text>', 'only runs whose id or error contains this')
    .option('--since <time>', 'only runs created since then: 30m, 7d, or a time such as 2026-11-21T19:00', time)
    .option('--until <time>', 'only runs created before then', time)
    .option('--oldest', 'list the oldest first')
    .option('--limit <count>', 'maximum number of runs (default: 50)', whole(1))
    .option('--cursor <cursor>', 'continue after the previous page')
    .option('--all', 'list all runs, page by page')
    .option('--ids', 'write only ids, one per line')
    .option('--json-lines', 'write JSON, one run per line, while pages are read');
  withReveal(withEngine(command)).action(loaded(session, async () => (await import('./work.js')).list));
  documented(command, {
    examples: [
      ['orchestrator runs list --status failed,stalled --since 24h', 'runs that went wrong since yesterday'],
      [
        "orchestrator runs list --status failed --all --ids | tr '\\n' '\\0' | xargs -0 orchestrator runs retry --",
        'retry all of them, whatever their ids contain',
      ],
      ['orchestrator runs list --workflow order --json | jq .runs[0]', 'the newest run of a workflow'],
    ],
    json: `{ runs: { runId, workflow, version, status, priority, createdAt, startAt, updatedAt, finishedAt?, deadline?,
  error? }[], cursor? }   (times in epoch milliseconds; cursor: of the next page); with --json-lines one run per line`,
  });
}
