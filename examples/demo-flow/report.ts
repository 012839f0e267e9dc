import { styleText } from 'node:util';
import type { Orchestrator } from 'orchestrator';
import type { Flow, NodeArgs, WorkflowBlueprint } from 'orchestrator/flow';

export type Print = (line: string) => void;

const styles = { begun: 'cyan', completed: 'green', failed: 'red', cancelled: 'magenta', again: 'yellow' } as const;
const marks = { begun: '▸', completed: '✓', failed: '✗', cancelled: '■', again: '↻' } as const;
type Happening = keyof typeof marks;

/** Number of batch items per printed line. */
const itemsPerLine = 10;
const nameWidth = 12;

/** A flow as text: its nodes, each with its kind and its successors. */
export function describeGraph(flow: Pick<Flow, 'toBlueprint' | 'analyze'>): string[] {
  const blueprint = flow.toBlueprint();
  const { startNodeIds, terminalNodeIds, longestPath } = flow.analyze();
  return [
    ...blueprint.nodes.map((node) => {
      const kind = ['batch', 'subflow', 'wait', 'sleep'].includes(node.uses) ? ` (${node.uses})` : '';
      const leads = [...edgesFrom(blueprint, node.id), ...fallbackOf(node)].join('; ');
      return `  ${(node.id + kind).padEnd(nameWidth + 6)} ${leads === '' ? '' : `→ ${leads}`}`.trimEnd();
    }),
    '',
    `  starts with ${startNodeIds.join(', ')}; ends with ${terminalNodeIds.join(', ')}`,
    `  longest path: ${longestPath.join(' → ')}`,
  ];
}

function edgesFrom({ edges }: WorkflowBlueprint, id: string): string[] {
  const from = edges.filter(({ source }) => source === id);
  return from.map(({ target, action, condition }) => {
    const when = [action, condition].filter((part) => part !== undefined).join(', ');
    return when === '' ? target : `${target} [${when}]`;
  });
}

function fallbackOf({ config }: WorkflowBlueprint['nodes'][number]): string[] {
  return config?.fallback === undefined ? [] : [`${config.fallback} (fallback)`];
}

/** Prints a line for each event of a node, using the hooks of the kernel; for batches, a line per ten items. */
export function printProgress(orchestrator: Orchestrator, print: Print): void {
  const depths = new Map<string, number>();
  const items = new Map<string, number>();
  const line = (happening: Happening, processId: string, name: string, text: string) => {
    const indent = '  '.repeat(depths.get(processId) ?? 1);
    const mark = styleText(styles[happening], marks[happening]);
    print(`${indent}${mark} ${name.padEnd(nameWidth)} ${styleText('dim', text)}`.trimEnd());
  };

  orchestrator
    .onProcessBegin(({ id, parentId }) => {
      depths.set(id, (depths.get(parentId ?? '') ?? 0) + 1);
    })
    .onTaskBegin(({ processId, name, args }) => {
      if (itemOf(args) === undefined) line('begun', processId, name, 'begins');
    })
    .onTaskRetry(({ processId, name, args, attempt, error }) => {
      const item = itemOf(args);
      const label = item === undefined ? name : `${name}[${item}]`;
      line('again', processId, label, `attempt ${attempt}: ${error.message}; again`);
    })
    .onTaskCompletion(({ processId, name, args, status, attempts, error }) => {
      if (itemOf(args) === undefined || status !== 'completed') {
        const tried = attempts > 1 ? `, ${attempts} attempts` : '';
        const why = error instanceof Error ? `: ${error.message}` : '';
        return line(status, processId, name, status + tried + why);
      }
      const key = `${processId} ${name}`;
      const done = (items.get(key) ?? 0) + 1;
      items.set(key, done);
      if (done % itemsPerLine === 0) line('completed', processId, name, `${done} items`);
    });
}

/** The index of the batch item. A task of a flow gets the node's input and its `NodeArgs` as arguments. */
function itemOf(args: readonly unknown[]): number | undefined {
  return (args[1] as NodeArgs | undefined)?.index;
}
