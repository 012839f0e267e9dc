import { styleText } from 'node:util';
import type { Result } from './scenario.js';
import type { SinkServer } from './server.js';

type Sink = Pick<SinkServer, 'requests' | 'refused' | 'lines' | 'repeated' | 'byParser' | 'missingUpTo'>;

/** Lists everything that is wrong; empty if all is well. */
export function faultsIn(lines: number | undefined, { read, metrics, summary }: Result, sink: Sink): string[] {
  const faults: string[] = [];
  const missing = sink.missingUpTo(read);
  const crashes = metrics.loops.reduce((sum, { restarts }) => sum + restarts, 0);
  if (lines !== undefined && read !== lines) faults.push(`${read} of ${lines} lines were read`);
  if (missing > 0) faults.push(`${missing} lines that were read have never arrived`);
  if (sink.lines !== read) faults.push(`${sink.lines} lines have arrived of ${read} that were read`);
  if (sink.repeated > 0 && crashes === 0) faults.push(`${sink.repeated} lines came again, and nobody was killed`);
  if (summary.abandoned > 0) faults.push(`${summary.abandoned} iterations did not end`);
  if (summary.messages > 0) faults.push(`${summary.messages} messages are left in queues`);
  if (metrics.deadLetters > 0) faults.push(`${metrics.deadLetters} messages could not be dealt with`);
  return faults;
}

const columns = ['loop', 'iterations', 'a second', 'p50 ms', 'p99 ms', 'retries', 'restarts', 'lines'] as const;

/** A table with the counts of each loop. */
export function drawTable({ read, metrics, summary }: Result, sink: Sink): string[] {
  const linesOf = (loopId: string) => {
    if (loopId === 'reader') return read;
    return loopId === 'sender' ? sink.lines : (sink.byParser.get(loopId) ?? 0);
  };
  const rows = metrics.loops.map(({ loopId, iterations, iterationsPerSecond, durations, nodes, restarts }) => {
    const retries = nodes.reduce((sum, node) => sum + node.retries, 0);
    const how = summary.loops.find((report) => report.loopId === loopId)?.reason ?? 'done';
    return [
      loopId,
      grouped(iterations),
      grouped(Math.round(iterationsPerSecond)),
      durations.p50.toFixed(2),
      durations.p99.toFixed(2),
      retries,
      restarts,
      grouped(linesOf(loopId)),
      how,
    ];
  });
  const line = (texts: readonly (string | number)[]) =>
    texts.map((text, at) => (at === 0 ? String(text).padEnd(9) : String(text).padStart(11))).join('');
  return [styleText('bold', line([...columns, 'ended'])), ...rows.map(line)];
}

export function grouped(number: number): string {
  return number.toLocaleString('en');
}
