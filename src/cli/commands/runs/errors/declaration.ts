import type { Command } from 'commander';
import { documented, loaded } from '../../../command.js';
import { withEngine, withReveal } from '../../../options.js';
import type { Session } from '../../../session.js';

export function addErrors(parent: Command, session: Session): void {
  const command = parent
    .command('errors')
    .description('List the errors of a run in order, with their causes; with --verbose, also with stacks.')
    .argument('<run-id>', 'id of the run');
  withReveal(withEngine(command)).action(loaded(session, async () => (await import('./work.js')).errors));
  documented(command, {
    examples: [['orchestrator runs errors order-42', 'why the run failed']],
    json: `{ runId, errors: { nodeId, visit, attempt, time, workerId, isFinal,
  error: { name, message, code?, cause?, errors?, stack? (with --verbose) } }[] }`,
  });
}
