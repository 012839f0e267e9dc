import type { Command } from 'commander';
import { documented, loaded } from '../../command.js';
import { withEngine } from '../../options.js';
import type { Session } from '../../session.js';

/** `orchestrator workers`: the workers of an engine, as of their last reports. */
export function addWorkers(parent: Command, session: Session): void {
  const command = parent
    .command('workers')
    .summary('list the workers of an engine')
    .description(
      'List the workers of an engine, as of their last reports. Workers that are silent for a day are no longer listed.',
    )
    .option('--alive', 'only workers that are alive');
  withEngine(command).action(loaded(session, async () => (await import('./work.js')).workers));
  documented(command, {
    examples: [
      ['orchestrator workers', 'all workers, with their status and work'],
      ["orchestrator workers --alive --json | jq '.workers | length'", 'how many are alive'],
    ],
    json: `{ workers: { workerId, status, alive, age, concurrency, active, completed, failed, retried, startedAt, host,
  pid, workflows: string[], expectedWithin }[] }   (age, expectedWithin in milliseconds)`,
  });
}
