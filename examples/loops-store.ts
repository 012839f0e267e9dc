// A store in a directory keeps the messages in queues and the position of a producer for the next start of the program.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { done, Loop, lmdbStore, type NodeData, ProducerNode, WorkflowOrchestrator } from 'orchestrator/loops';

interface Range {
  readonly upTo: number;
}

/** Counts, starting at its stored position. */
class Count extends ProducerNode<number, Range> {
  run() {
    const { cursor, options } = this.config;
    const number = ((cursor.value as number | undefined) ?? 0) + 1;
    if (number > options.upTo) return done;
    // Saved when the iteration has ended.
    cursor.save(number);
    return number;
  }
}

const printed: string[] = [];

/** The program, as it is started each time. */
function open(data: string, upTo: number): WorkflowOrchestrator {
  const count = new Loop('count').node('next', Count, { options: { upTo } }).push('put', 'numbers');
  const print = new Loop('print')
    .read('take', 'numbers')
    .blocking('print', (number: number, { message }: NodeData) => printed.push(`message ${message?.id} is ${number}`));
  return new WorkflowOrchestrator({ store: lmdbStore(data) }).load({ queues: { numbers: {} }, loops: [count, print] });
}

const directory = await mkdtemp(join(tmpdir(), 'loops-'));
try {
  // Only the first loop is started, and then the program ends: nobody has read the pushed numbers.
  const first = open(directory, 5);
  await first.start('count');
  await first.ended();
  const { messages } = await first.close();
  console.log(`  the first program has ended, with ${messages} messages in the queue`);
  assert.equal(messages, 5);

  // The second program finds the numbers, and continues counting after five.
  const second = open(directory, 10);
  await second.start();
  while (printed.length < 10) await sleep(5);
  await second.close();
  assert.deepEqual(
    printed,
    Array.from({ length: 10 }, (_, index) => `${printed[index]?.split(' is ')[0]} is ${index + 1}`),
  );
  for (const line of printed) console.log(`  ${line}`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
