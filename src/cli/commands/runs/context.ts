import type { Command } from 'commander';
import { documented, withEngine } from '../../command.js';
import { valueText } from '../../output/value.js';
import type { Session } from '../../session.js';
import type { EngineFlags } from '../../setup/engine.js';
import { withFleet } from '../../setup/fleet.js';
import { type RevealFlags, redactorOf, withReveal } from '../../setup/redaction.js';

interface ContextFlags extends EngineFlags, RevealFlags {
  readonly json?: boolean;
}

export function addContext(parent: Command, session: Session): void {
  const command = parent
    .command('context')
    .description('Write the current context of a run, with the outputs of its nodes under their ids.')
    .argument('<run-id>', 'id of the run');
  withReveal(withEngine(command)).action((runId: string, flags: ContextFlags) =>
    withFleet(session, flags, async ({ orchestrator, found }) => {
      const context = redactorOf(found, flags).value(await orchestrator.context(runId));
      if (flags.json === true) session.stdout.json({ runId, context });
      else session.stdout.line(valueText(context));
    }),
  );
  documented(command, {
    examples: [['orchestrator runs context order-42 --json | jq .context.price', 'one value of the context']],
    json: '{ runId, context }',
  });
}
