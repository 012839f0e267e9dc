import type { Command } from 'commander';
import { documented, loaded } from '../../command.js';
import { withEngine, withReveal } from '../../options.js';
import type { Session } from '../../session.js';

/** `orchestrator graph`: a drawing of a flow in a module, or of a run with the statuses of its nodes. */
export function addGraph(parent: Command, session: Session): void {
  const command = parent
    .command('graph')
    .summary('draw a flow or a run')
    .description('Draw a flow of a module, or with --run a run of an engine with the statuses of its nodes.')
    .argument('[module]', 'module that exports a flow')
    .argument('[flow]', 'name of the export or of the flow (default: the default export, or the only flow)')
    .option('--svg', 'draw an SVG document (default: Mermaid)')
    .option('--run <id>', 'draw a run of the engine instead of a flow of a module')
    .option('-o, --output <file>', 'write to this file (default: the standard output)');
  withReveal(withEngine(command)).action(loaded(session, async () => (await import('./work.js')).graph));
  documented(command, {
    examples: [
      ['orchestrator graph ./order.js >> README.md', 'as Mermaid, which GitHub and others render'],
      ['orchestrator graph --run order-42 --svg -o order-42.svg', 'the progress of a run, as a picture'],
    ],
    json: '{ id, version?, input?, events?, output?, nodes: { id, uses, ... }[], edges: { source, target, action?, condition? }[] }',
  });
}
