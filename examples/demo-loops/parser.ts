import { createHash } from 'node:crypto';
import { isMainThread } from 'node:worker_threads';
import { Loop, type NodeData } from 'orchestrator/loops';
import type { Entries, Entry, Piece } from './messages.js';

export interface ParserOptions {
  readonly parser: string;
  /**
   * Line at which the thread ends or the process is killed, when the line arrives for the first time. Default: none.
   */
  readonly endsAt?: number | undefined;
}

// Ctrl-C reaches every process of a terminal. The process of a parser ignores it, and ends with its loop.
if (isMainThread) for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});

/** Loop B, in a thread or a process: parses pieces from the queue `lines` and pushes them to the queue `entries`. */
export default function parserOf({ parser, endsAt }: ParserOptions): Loop {
  return new Loop(parser)
    .read('take', 'lines')
    .blocking('parse', ({ first, lines }: Piece, { message }: NodeData): Entries => {
      const isThere = endsAt !== undefined && first <= endsAt && endsAt < first + lines.length;
      if (isThere && message?.deliveries === 1) die();
      return { parser, entries: lines.map((line, index) => parse(first + index, line)) };
    })
    .push('put', 'entries');
}

function die(): void {
  if (isMainThread) process.kill(process.pid, 'SIGKILL');
  else process.exit(1);
}

const format =
  /^(?<client>\S+) - - \[(?<time>[^\]]+)\] "(?<method>\w+) (?<path>\S+) [^"]+" (?<status>\d+) \d+ "[^"]*" (?<seconds>[\d.]+)$/;

function parse(line: number, text: string): Entry {
  const { client = '', path = '', status, seconds } = format.exec(text)?.groups ?? {};
  return { line, path, status: Number(status), duration: Number(seconds) * 1_000, visitor: visitorOf(client) };
}

/** Hashes repeatedly, so that trying all addresses would take long. This keeps the parsers busy. */
function visitorOf(client: string): string {
  let hash = `salt ${client}`;
  for (let round = 0; round < 12; round++) hash = createHash('sha256').update(hash).digest('base64');
  return hash.slice(0, 8);
}
