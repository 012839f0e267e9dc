import type { QueueDefinition } from './definition.js';
import { LoopDefinitionError, type LoopFault } from './errors.js';
import type { LoopShape } from './pools/pool.js';

/**
 * Checks what loops have with each other.
 *
 * @throws {LoopDefinitionError} that lists every fault: a queue that is not declared, one that nobody reads, loops that
 *   would wait for each other
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
      faults.push({ message: `nothing reads the queue "${queue}": who pushes to it would wait for ever`, queue });
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
 * Finds queues that several loops read though nobody has said what that is to mean: each message goes to one of them, where
 * all of them may be meant.
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
      `loops ${readers.join(', ')} share the messages of the queue "${queue}", each gets some of them: ` +
      `say type: 'topic' where each is to get all, or type: 'queue' where they are to share`;
    warnings.push({ message, queue });
  }
  return warnings;
}

function blocks({ overflow = 'block' }: QueueDefinition): boolean {
  return overflow === 'block';
}

/** A loop that, through queues that block, leads to itself: loops and queues in turns. */
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

/** Loops in the order in which they are to end: those that push to a queue before those that read it. */
export function isBehind(loop: LoopShape, others: readonly LoopShape[]): boolean {
  return loop.reads !== undefined && others.some(({ pushes }) => pushes.includes(loop.reads as string));
}
