import type { QueueDefinition } from './definition.js';
import { LoopDefinitionError, type LoopFault } from './errors.js';
import type { LoopShape } from './pools/pool.js';

/**
 * Checks the loops of a workflow against each other and against the declared queues.
 *
 * @throws {LoopDefinitionError} with every fault: an undeclared queue, a queue that no loop reads, or loops that would
 *   wait for each other
 */
export function checkWorkflow(loops: readonly LoopShape[], queues: ReadonlyMap<string, QueueDefinition>): void {
  const faults: LoopFault[] = [];
  const known = [...queues.keys()].join(', ') || 'none';
  for (const { id, reads, pushes } of loops) {
    for (const queue of new Set([...pushes, ...(reads === undefined ? [] : [reads])])) {
      if (!queues.has(queue)) {
        faults.push({
          message: `loop "${id}" uses the queue "${queue}", which is not declared (${known})`,
          loopId: id,
          queue,
        });
      }
    }
  }
  for (const [queue, definition] of queues) {
    const isRead = loops.some(({ reads }) => reads === queue);
    const isPushed = loops.some(({ pushes }) => pushes.includes(queue));
    if (isPushed && !isRead && blocks(definition) && definition.type !== 'topic') {
      faults.push({ message: `nothing reads the queue "${queue}": a push to it would wait for ever`, queue });
    }
  }
  const circle = deadlockIn(loops, queues);
  if (circle !== undefined) {
    faults.push({
      message: `loops would wait for each other: ${circle.join(' → ')}; one of these queues needs another overflow policy than block`,
      loopId: circle[0],
    });
  }
  if (faults.length > 0) throw new LoopDefinitionError(faults);
}

/**
 * Finds queues without an explicit `type` that several loops read. Each message goes to only one of these loops, but
 * every loop may need all messages.
 */
export function warningsOf(
  loops: readonly LoopShape[],
  queues: ReadonlyMap<string, QueueDefinition>,
): readonly LoopFault[] {
  const warnings: LoopFault[] = [];
  for (const [queue, { type }] of queues) {
    const readers = loops.filter(({ reads }) => reads === queue).map(({ id }) => `"${id}"`);
    if (type !== undefined || readers.length < 2) continue;
    const message =
      `loops ${readers.join(', ')} share the messages of the queue "${queue}", so each gets only some of them: ` +
      `set type: 'topic' if each loop needs all messages, or type: 'queue' if they share the work`;
    warnings.push({ message, queue });
  }
  return warnings;
}

function blocks({ overflow = 'block' }: QueueDefinition): boolean {
  return overflow === 'block';
}

/**
 * Finds a loop that leads back to itself through queues with the policy `block`. Returns alternating loop ids and queue
 * names.
 */
function deadlockIn(loops: readonly LoopShape[], queues: ReadonlyMap<string, QueueDefinition>): string[] | undefined {
  const readersOf = (queue: string) => loops.filter(({ reads }) => reads === queue);
  const path: string[] = [];
  const finished = new Set<string>();
  const visit = (loop: LoopShape): string[] | undefined => {
    const at = path.findIndex((entry, index) => index % 2 === 0 && entry === loop.id);
    if (at >= 0) return [...path.slice(at), loop.id];
    if (finished.has(loop.id)) return undefined;
    for (const queue of loop.pushes) {
      const definition = queues.get(queue);
      if (definition === undefined || !blocks(definition)) continue;
      path.push(loop.id, queue);
      for (const reader of readersOf(queue)) {
        const circle = visit(reader);
        if (circle !== undefined) return circle;
      }
      path.splice(-2);
    }
    finished.add(loop.id);
    return undefined;
  };
  for (const loop of loops) {
    const circle = visit(loop);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/**
 * Returns true if another loop pushes to the queue that `loop` reads. Loops that push are stopped before loops that
 * read.
 */
export function isBehind(loop: LoopShape, others: readonly LoopShape[]): boolean {
  return loop.reads !== undefined && others.some(({ pushes }) => pushes.includes(loop.reads as string));
}
