import type { Command } from 'commander';
import { documented, loaded } from '../../command.js';
import { withProgram, withTimeout } from '../../options.js';
import type { Session } from '../../session.js';
import type { ControlName } from './work.js';

const controls: readonly { readonly name: ControlName; readonly description: string }[] = [
  { name: 'start', description: 'Start a loop that is not running.' },
  { name: 'stop', description: 'Stop a loop after its running work has finished.' },
  { name: 'pause', description: 'Pause a loop after its current iteration.' },
  { name: 'resume', description: 'Resume a paused loop.' },
];

/** `orchestrator loops`: the loops of a running program, controlled over its HTTP API. */
export function addLoops(parent: Command, session: Session): void {
  const loops = parent
    .command('loops')
    .summary('list and control the loops of a running program')
    .description(
      'List and control the loops of a running program: one that "orchestrator orchestrate" started, or one that serves a dashboard.',
    );
  addList(loops, session);
  for (const { name, description } of controls) {
    const command = loops.command(name).description(description).argument('<loop-id>', 'id of the loop');
    if (name === 'stop') withTimeout(command, 'time to finish running work before it is cut off');
    withProgram(command).action(loaded(session, async () => (await import('./work.js')).controlOf(name)));
    documented(command, {
      examples: [[`orchestrator loops ${name} reader`, `${name} one loop; the token is in ORCHESTRATOR_TOKEN`]],
      json: '{ loopId, ok }',
    });
  }
}

function addList(loops: Command, session: Session): void {
  const command = loops.command('list').alias('ls').description('List loops with their states, rates and errors.');
  withProgram(command).action(loaded(session, async () => (await import('./work.js')).list));
  documented(command, {
    examples: [['orchestrator loops list --url http://127.0.0.1:4300', 'the loops of a program']],
    json: `{ status, loops: { loopId, state, iterations, iterationsPerSecond, errors, restarts, missedTicks, inFlight,
  durations: { p50, p90, p99, max }, nodes: { nodeId, state, calls, errors, retries, dropped, inFlight, error? }[], error? }[] }`,
  });
}
