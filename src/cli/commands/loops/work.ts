import { type LoopsView, segmentOf } from '../../../dashboard/api/index.js';
import type { LoopMetrics } from '../../../loops/index.js';
import { formatDuration } from '../../../shared/durations.js';
import { styleOf } from '../../output/statuses.js';
import { writeTable } from '../../output/table.js';
import { oneLine } from '../../output/text.js';
import type { Session } from '../../session.js';
import { type ProgramFlags, programAt } from '../../setup/api.js';

interface LoopsFlags extends ProgramFlags {
  readonly timeout?: number;
  readonly json?: boolean;
}

/** Past participles for the confirmations, as in `reader stopped`. */
const participles = { start: 'started', stop: 'stopped', pause: 'paused', resume: 'resumed' };

export type ControlName = keyof typeof participles;

/** Lists the loops of a program. */
export async function list(session: Session, flags: LoopsFlags): Promise<void> {
  const view = await programAt(session, flags).get<LoopsView>('loops', 'loops');
  if (flags.json === true) session.stdout.json(view);
  else if (view.loops.length === 0) session.stderr.line('no loops');
  else write(session, view.loops);
}

/** Starts, stops, pauses or resumes a loop. */
export function controlOf(name: ControlName) {
  return async (session: Session, loopId: string, flags: LoopsFlags): Promise<void> => {
    const body = flags.timeout === undefined ? {} : { timeout: flags.timeout };
    await programAt(session, flags).post(`loops/${segmentOf(loopId)}/${name}`, body);
    if (flags.json === true) session.stdout.json({ loopId, ok: true });
    else session.stdout.line(`${oneLine(loopId)} ${participles[name]}`);
  };
}

function write({ stdout }: Session, loops: readonly LoopMetrics[]): void {
  const hasErrors = loops.some(({ error }) => error !== undefined);
  writeTable(stdout, loops, [
    { title: 'LOOP', value: ({ loopId }) => loopId, least: 10 },
    { title: 'STATE', value: ({ state }) => state, style: ({ state }) => styleOf(state) },
    { title: 'ITERATIONS', value: ({ iterations }) => iterations, align: 'right' },
    { title: 'PER SECOND', value: ({ iterationsPerSecond }) => rateOf(iterationsPerSecond), align: 'right' },
    { title: 'P99', value: ({ durations }) => formatDuration(durations.p99), align: 'right' },
    {
      title: 'ERRORS',
      value: ({ errors }) => errors,
      align: 'right',
      style: ({ errors }) => (errors > 0 ? 'red' : undefined),
    },
    { title: 'RESTARTS', value: ({ restarts }) => restarts, align: 'right' },
    ...(hasErrors ? [{ title: 'ERROR', value: ({ error }: LoopMetrics) => error, least: 10 }] : []),
  ]);
}

function rateOf(rate: number): string {
  return rate.toFixed(rate >= 100 || rate === 0 ? 0 : 1);
}
