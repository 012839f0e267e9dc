import type { Command } from 'commander';
import { type LoopsView, segmentOf } from '../../dashboard/api/index.js';
import type { LoopMetrics } from '../../loops/index.js';
import { formatDuration } from '../../shared/durations.js';
import { documented, withProgram, withTimeout } from '../command.js';
import { writeTable } from '../output/table.js';
import { oneLine } from '../output/text.js';
import type { Session } from '../session.js';
import { type ProgramFlags, programAt } from '../setup/api.js';
import { styleOf } from './runs/statuses.js';

interface LoopsFlags extends ProgramFlags {
  readonly timeout?: number;
  readonly json?: boolean;
}

const actions = [
  { name: 'start', done: 'started', description: 'Start a loop that is not running.' },
  { name: 'stop', done: 'stopped', description: 'Stop a loop after its running work has finished.' },
  { name: 'pause', done: 'paused', description: 'Pause a loop after its current iteration.' },
  { name: 'resume', done: 'resumed', description: 'Resume a paused loop.' },
] as const;

/** `orchestrator loops`: the loops of a running program, controlled over its HTTP API. */
export function addLoops(parent: Command, session: Session): void {
  const loops = parent
    .command('loops')
    .summary('list and control the loops of a running program')
    .description(
      'List and control the loops of a running program: one that "orchestrator orchestrate" started, or one that serves a dashboard.',
    );
  addList(loops, session);
  for (const { name, done, description } of actions) {
    const command = loops.command(name).description(description).argument('<loop-id>', 'id of the loop');
    if (name === 'stop') withTimeout(command, 'time to finish running work before it is cut off');
    withProgram(command).action(async (loopId: string, flags: LoopsFlags) => {
      const body = flags.timeout === undefined ? {} : { timeout: flags.timeout };
      await programAt(session, flags).post(`loops/${segmentOf(loopId)}/${name}`, body);
      if (flags.json === true) session.stdout.json({ loopId, ok: true });
      else session.stdout.line(`${oneLine(loopId)} ${done}`);
    });
    documented(command, {
      examples: [[`orchestrator loops ${name} reader`, `${name} one loop; the token is in ORCHESTRATOR_TOKEN`]],
      json: '{ loopId, ok }',
    });
  }
}

function addList(loops: Command, session: Session): void {
  const command = loops.command('list').alias('ls').description('List loops with their states, rates and errors.');
  withProgram(command).action(async (flags: LoopsFlags) => {
    const view = await programAt(session, flags).get<LoopsView>('loops', 'loops');
    if (flags.json === true) session.stdout.json(view);
    else if (view.loops.length === 0) session.stderr.line('no loops');
    else write(session, view.loops);
  });
  documented(command, {
    examples: [['orchestrator loops list --url http://127.0.0.1:4300', 'the loops of a program']],
    json: `{ status, loops: { loopId, state, iterations, iterationsPerSecond, errors, restarts, missedTicks, inFlight,
  durations: { p50, p90, p99, max }, nodes: { nodeId, state, calls, errors, retries, dropped, inFlight, error? }[], error? }[] }`,
  });
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
