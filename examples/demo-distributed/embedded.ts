import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Status } from './fleet.js';
import { nodesOf } from './flow.js';
import type { Message } from './messages.js';
import { startProgram } from './processes.js';
import type { Result, Scenario } from './scenario.js';

/**
 * The embedded engine: a database inside the program, with its data in a directory. The program kills itself after half
 * of the nodes. It is started again on the same directory and finishes the rest.
 */
export const embedded: Scenario = {
  engine: 'pglite, in a directory of its own',
  fleet: 'an orchestrator and three workers in one program',

  async run({ orders, url, print, onStatus }): Promise<Result> {
    const directory = await mkdtemp(join(tmpdir(), 'demo-distributed-'));
    const data = join(directory, 'data');
    try {
      const first = await runProgram([data, url, String(orders), String(halfOf(orders))], onStatus);
      print(`the program has ended by ${first.endedBy}; it is started again`);
      const second = await runProgram([data, url, String(orders)], onStatus);
      if (second.result === undefined)
        throw new Error(`the second program has ended with ${second.endedBy}, too early`);
      return { ...second.result, killed: first.endedBy };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

function halfOf(orders: number): number {
  const nodes = Array.from({ length: orders }, (_, index) => nodesOf(index + 1).length);
  return Math.floor(nodes.reduce((sum, count) => sum + count, 0) / 2);
}

async function runProgram(args: readonly string[], onStatus: (status: Status) => void) {
  const { child, ended } = startProgram(new URL('program.ts', import.meta.url), args);
  let result: Omit<Result, 'killed'> | undefined;
  child.on('message', (message: Message) => {
    if (message.type === 'status') onStatus(message.status);
    else result = message;
  });
  return { endedBy: await ended, result };
}
