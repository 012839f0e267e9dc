import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { Orchestrator } from 'orchestrator';
import { FileCheckpointStore, FlowRuntime, type WorkflowResult } from 'orchestrator/flow';
import { booksAtOnce, priceList, type Shelf, Wholesaler } from './flow.js';
import { type Print, printProgress } from './report.js';
import type { BookServer, Exchange } from './server.js';

/** The first program gets all books before this one. */
export const firstBookMissed = 31;

export const runId = 'winter';

/** Creates a runtime with a client for the wholesaler. Prints events. */
export function createRuntime(url: string, print: Print): FlowRuntime {
  const orchestrator = new Orchestrator({ name: 'bookshop' });
  printProgress(orchestrator, print);
  return new FlowRuntime({ orchestrator, dependencies: new Wholesaler(url) });
}

export async function makePriceList(url: string, print: Print): Promise<WorkflowResult<Shelf>> {
  return createRuntime(url, print).run<Shelf>(priceList);
}

/** Requests of the two programs. */
export interface Interruption {
  /** The signal that ended the first program. */
  readonly endedBy: string | null;
  readonly before: readonly Exchange[];
  readonly after: readonly Exchange[];
  /** Requests of the second program that the first program had got answers for. */
  readonly repeated: readonly string[];
  readonly result: WorkflowResult<Shelf>;
}

/** Builds the price list in another program, kills that program half-way, and continues from its checkpoint. */
export async function stopAndResume(server: BookServer, directory: string, print: Print): Promise<Interruption> {
  const began = server.exchanges.length;
  const endedBy = await runUntilHeld(server, directory, print);
  await server.quiet();
  const stopped = server.exchanges.length;

  print(`  ${styleText('magenta', '■')} the program has ended by ${endedBy}; another goes on`);
  server.release();
  const checkpoint = new FileCheckpointStore(directory);
  const result = await createRuntime(server.url, print).continue<Shelf>(priceList, runId, { checkpoint });

  const before = server.exchanges.slice(began, stopped);
  const after = server.exchanges.slice(stopped);
  const answered = new Set(before.filter(({ cutOff }) => !cutOff).map(({ request }) => request));
  const repeated = after.map(({ request }) => request).filter((request) => answered.has(request));
  return { endedBy, before, after, repeated, result };
}

/**
 * Kills the program at a definite point. The server does not answer requests for books from a certain number on. When
 * the program has nothing else left to do, it is killed. A batch takes a new item only after another one is finished
 * and saved, so all earlier books are in the checkpoint by then.
 */
async function runUntilHeld(server: BookServer, directory: string, print: Print): Promise<string | null> {
  // tsx must run in the root: its tsconfig.json maps 'orchestrator' to the sources.
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const file = fileURLToPath(new URL('program.ts', import.meta.url));
  const program = fork(file, [server.url, directory], { cwd, execArgv: ['--import', 'tsx'] });
  program.on('message', (line) => print(String(line)));
  const closed = once(program, 'close');
  const tooEarly = closed.then(([code]) => {
    throw new Error(`the program ended by itself, with code ${code}`);
  });
  try {
    await Promise.race([server.hold(firstBookMissed, booksAtOnce), tooEarly]);
  } finally {
    tooEarly.catch(() => undefined);
    program.kill('SIGKILL');
  }
  const [, signal] = await closed;
  return signal;
}
