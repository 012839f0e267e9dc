import type { Command } from 'commander';
import { documented, loaded } from '../../../command.js';
import { withEngine, withReveal } from '../../../options.js';
import type { Session } from '../../../session.js';

export function addContext(parent: Command, session: Session): void {
  const command = parent
    .command('context')
    .description('Write the current context of a run, with the outputs of its nodes under their ids.')
    .argument('<run-id>', 'id of the run');
  withReveal(withEngine(command)).action(loaded(session, async () => (await import('./work.js')).context));
  documented(command, {
    examples: [['orchestrator runs context order-42 --json | jq .context.price', 'one value of the context']],
    json: '{ runId, context }',
  });
}
