import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  lmdbStore,
  type StopSummary,
  type WorkflowEvents,
  type WorkflowMetrics,
  WorkflowOrchestrator,
} from 'orchestrator/loops';
import { writeLog } from './log.js';
import type { ParserOptions } from './parser.js';
import { readerOf } from './reader.js';
import { senderTo } from './sender.js';
import type { SinkServer } from './server.js';

export interface Setting {
  /** Number of lines in the file. */
  readonly lines: number;
  /** Pool that the parsers run in. */
  readonly pool: 'thread' | 'process';
  /** If true, one of the parsers is killed half-way. */
  readonly kill: boolean;
  readonly server: SinkServer;
  /** Aborts to drain the queues and end early. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
  readonly onMetrics: (progress: Progress) => void;
  /** Milliseconds between two calls of `onMetrics`. */
  readonly metricsInterval: number;
}

export interface Progress {
  /** Number of lines read. */
  readonly read: number;
  readonly metrics: WorkflowMetrics;
}

export interface Result extends Progress {
  readonly summary: StopSummary;
}

const parsers = ['parser-1', 'parser-2'];

/** Capacity of a queue, in pieces: more than the parsers take in advance. */
const capacity = 2_500;

/**
 * Reads a log, parses it in parallel, and sends it to the server. Ends when everything has arrived, or drains when its
 * signal aborts.
 */
export async function run(setting: Setting): Promise<Result> {
  const { lines, pool, server, signal, print } = setting;
  const directory = await mkdtemp(join(tmpdir(), 'demo-loops-'));
  try {
    const file = join(directory, 'access.log');
    await writeLog(file, lines);
    let read = 0;
    const reader = readerOf(file, (count) => {
      read += count;
    });
    const endsAt = setting.kill ? Math.ceil(lines / 2) : undefined;
    const orchestrator = new WorkflowOrchestrator({
      store: lmdbStore(join(directory, 'store')),
      metricsInterval: setting.metricsInterval,
    }).load({
      queues: { lines: { type: 'queue', capacity }, entries: { capacity } },
      loops: [
        reader,
        ...parsers.map((parser) => {
          const options: ParserOptions = { parser, endsAt };
          return { id: parser, module: new URL('./parser.ts', import.meta.url), options, pool };
        }),
        senderTo(server.url),
      ],
    });
    orchestrator.on('metrics', (metrics) => setting.onMetrics({ read, metrics }));
    orchestrator.on('failure', ({ loopId, nodeId, error }) => print(`${nodeId || loopId} has failed: ${error}`));
    orchestrator.on('state', ({ loopId, state }) => {
      if (state === 'restarting') print(`${loopId} is started again`);
    });
    const isRead = whenever(orchestrator, ({ loopId, state }) => loopId === 'reader' && state === 'stopped');
    const isBack = setting.kill ? backAgain(orchestrator) : Promise.resolve();
    await orchestrator.start();
    await Promise.race([Promise.all([isRead, isBack]), aborted(signal)]);
    // Closes in order: the reader, then the parsers when `lines` is empty, then the sender when `entries` is empty.
    const summary = await orchestrator.close({ timeout: 60_000 });
    return { read, metrics: orchestrator.metrics(), summary };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

type StateEvent = WorkflowEvents['state'][0];

/** Resolves at the next matching state event. */
function whenever(orchestrator: WorkflowOrchestrator, matches: (event: StateEvent) => boolean): Promise<StateEvent> {
  return new Promise((resolve) => {
    orchestrator.on('state', (event) => {
      if (matches(event)) resolve(event);
    });
  });
}

/** Resolves when the killed loop runs again. */
async function backAgain(orchestrator: WorkflowOrchestrator): Promise<void> {
  const killed = await whenever(orchestrator, ({ state }) => state === 'restarting');
  await whenever(orchestrator, ({ loopId, state }) => loopId === killed.loopId && state === 'running');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
