import type { Command } from 'commander';
import { documented, loaded } from '../../command.js';
import { duration, whole } from '../../options.js';
import type { Session } from '../../session.js';

/** `orchestrator run`: runs a flow of a module in this process until it ends. */
export function addRun(parent: Command, session: Session): void {
  const command = parent
    .command('run')
    .summary('run a flow from a module')
    .description('Run a flow from a module in this program, and write its output to the standard output.')
    .argument('<module>', 'JavaScript or TypeScript module that exports a flow')
    .argument('[flow]', 'name of the export or of the flow (default: the default export, or the only flow)')
    .option('--input <json>', 'input of the first nodes: JSON, a file with JSON, or - for the standard input')
    .option('--context <json>', 'initial context of the run: a JSON object, given like --input')
    .option('--dry-run', 'walk through the flow without executing it')
    .option('--concurrency <count>', 'maximum number of nodes at the same time (default: no limit)', whole(1))
    .option('--timeout <duration>', 'time limit of the whole run, such as 30s or 5m', duration)
    .option('--checkpoint <directory>', 'save the run in this directory after each node, so that it can be resumed')
    .option('--run-id <id>', 'id of the run (default: a new one)')
    .option('--resume <id>', 'resume a run that was saved with --checkpoint')
    .option('--event <name=json>', 'event that the resumed run waits for; may be given several times', collect)
    .option('-q, --quiet', 'show no progress on the standard error')
    .action(loaded(session, async () => (await import('./work.js')).run));
  documented(command, {
    examples: [
      ['orchestrator run ./order.js --context \'{"orderId":"42"}\'', 'run the flow that order.js exports'],
      [
        'jq .order order.json | orchestrator run ./order.ts refund --input - --json',
        'another export, input from a pipe',
      ],
      ['orchestrator run ./order.js --checkpoint ./runs --run-id order-42', 'save after each node'],
      [
        'orchestrator run ./order.js --checkpoint ./runs --resume order-42 --event approval=true',
        'resume it with the event that it waits for',
      ],
    ],
    json: `{ runId, status, output, context, duration,
  errors: { nodeId, attempts, recoveredBy?, error: { name, message, code?, cause? } }[],
  reason?: { name, message, code? }, completed: string[], skipped: string[],
  awaiting: { nodeId, event, until? }[] }
with --dry-run: { steps: { nodeId, uses, action? }[], lastAction? }`,
    text: 'If the flow has schemas, its input and events are checked first, and an invalid value ends the command with 2.\nThe exit code is 0 only if the run has completed. If the run waits for an event, it is 1, and the command that resumes\nthe run is printed. The first Ctrl+C aborts the run, the second ends at once.',
  });
}

function collect(given: string, before: readonly string[] = []): readonly string[] {
  return [...before, given];
}
