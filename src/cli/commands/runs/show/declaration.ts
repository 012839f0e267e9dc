import type { Command } from 'commander';
import { documented, loaded } from '../../../command.js';
import { withEngine, withReveal } from '../../../options.js';
import type { Session } from '../../../session.js';

export function addShow(parent: Command, session: Session): void {
  const command = parent
    .command('show')
    .description('Show a run: its status, its nodes with attempts and times, the events it waits for, and its output.')
    .argument('<run-id>', 'id of the run')
    .option('--attempts', 'also list each execution of a node, with its start, duration and worker');
  withReveal(withEngine(command)).action(loaded(session, async () => (await import('./work.js')).show));
  documented(command, {
    examples: [
      ['orchestrator runs show order-42', 'its status, nodes and output'],
      ['orchestrator runs show order-42 --attempts', 'with each attempt'],
      [
        'orchestrator runs show order-42 --json | jq \'.graph.nodes[] | select(.status=="failed")\'',
        'the failed nodes',
      ],
    ],
    json: `{ run: { runId, workflow, version, status, priority, createdAt, startAt, updatedAt, finishedAt?, deadline?, error? },
  time, graph?: { nodes: { id, kind, status, attempts, duration, event?, since?, until?, output? }[],
    edges: { source, target, label?, isFallback }[] },
  attempts: { nodeId, visit, attempt, status, startedAt, duration?, workerId?, error? }[],
  input?, output?, context?: { text, length, isTruncated },
  errors: { nodeId, visit, attempt, time, workerId, isFinal, error }[], metrics?, awaiting: string[],
  expects?: { [event]: string } }`,
  });
}
