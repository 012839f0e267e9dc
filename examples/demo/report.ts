import { styleText } from 'node:util';
import { type Orchestrator, type Status, TimeoutError } from 'orchestrator';

/** One call of a task's function. Times are milliseconds since the start of the run. */
interface Attempt {
  readonly start: number;
  readonly end: number;
  readonly error: unknown;
}

/** Record of one task. */
export interface TaskTrace {
  readonly label: string;
  readonly attempts: Attempt[];
  status: Status;
  duration: number;
}

const styles = { completed: 'green', failed: 'red', cancelled: 'magenta', running: 'cyan', retried: 'yellow' } as const;
const marks = { completed: '✓', failed: '✗', cancelled: '■', running: '▸', retried: '↻' } as const;
export type Happening = keyof typeof marks;

const labelWidth = 22;
const chartWidth = 40;

/** Adds hooks that record every task. The list grows during the run. */
export function recordTasks<State extends object>(orchestrator: Orchestrator<State>): readonly TaskTrace[] {
  const traces: TaskTrace[] = [];
  const running = new Map<string, { trace: TaskTrace; attemptStart: number }>();
  let began = 0;
  const now = () => performance.now() - began;
  orchestrator
    .onProcessBegin(() => {
      began = performance.now();
    })
    .onTaskBegin(({ id, name, args }) => {
      const trace: TaskTrace = { label: labelOf(name, args), attempts: [], status: 'running', duration: 0 };
      traces.push(trace);
      running.set(id, { trace, attemptStart: now() });
    })
    .onTaskRetry(({ id, error, delay }) => {
      const task = running.get(id);
      if (task === undefined) return;
      task.trace.attempts.push({ start: task.attemptStart, end: now(), error });
      task.attemptStart = now() + delay;
    })
    .onTaskCompletion(({ id, status, error, duration }) => {
      const task = running.get(id);
      if (task === undefined) return;
      running.delete(id);
      task.trace.attempts.push({ start: task.attemptStart, end: now(), error });
      Object.assign(task.trace, { status, duration });
    });
  return traces;
}

/** A task's name and, if it is a string, its first argument. */
export function labelOf(name: string, [first]: readonly unknown[]): string {
  return typeof first === 'string' ? `${name} ${first}` : name;
}

/** A line of the log: time, event and task. */
export function logLine(time: number, happening: Happening, label: string, text: string): string {
  const mark = styleText(styles[happening], marks[happening]);
  return `${milliseconds(time)}  ${mark} ${label.padEnd(labelWidth)} ${styleText('dim', text)}`;
}

/** A chart of the tasks: a line per task, a bar per attempt. */
export function drawTasks(tasks: readonly TaskTrace[]): string[] {
  const length = Math.max(1, ...tasks.flatMap(({ attempts }) => attempts.map(({ end }) => end)));
  const rows = tasks.map(
    (task) =>
      `  ${task.label.padEnd(labelWidth)} ${bar(task, length)} ${milliseconds(task.duration)}  ${outcome(task)}`,
  );
  return [`  ${''.padEnd(labelWidth)} ${styleText('dim', scale(length))}`, ...rows, '', legend()];
}

/** A sentence with the numbers. */
export function sumUp(tasks: readonly TaskTrace[]): string {
  const count = (status: Status) => tasks.filter((task) => task.status === status).length;
  const retries = tasks.reduce((sum, { attempts }) => sum + attempts.length - 1, 0);
  return `${tasks.length} tasks: ${count('completed')} completed, ${count('failed')} failed, ${count('cancelled')} cancelled; ${retries} retries`;
}

function milliseconds(time: number): string {
  return `${Math.round(time)} ms`.padStart(8);
}

/** An error's message, with that of its cause. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

/**
 * Draws the attempts of a task. Each attempt is at least one character wide, so that none is hidden, and ends with its
 * result.
 */
function bar({ status, attempts }: TaskTrace, length: number): string {
  const place = (time: number) => Math.floor((time / length) * chartWidth);
  let drawn = '';
  let width = 0;
  for (const [index, { start, end, error }] of attempts.entries()) {
    const happening = index < attempts.length - 1 ? 'retried' : status;
    const gap = Math.max(0, place(start) - width);
    const size = Math.max(1, place(end) - width - gap);
    const fill = fillOf(happening, error);
    drawn += styleText('dim', (index === 0 ? ' ' : '·').repeat(gap));
    drawn += styleText(
      styles[happening],
      fill.repeat(size - 1) + (happening === 'completed' ? fill : marks[happening]),
    );
    width += gap + size;
  }
  return drawn + ' '.repeat(Math.max(0, chartWidth - width));
}

function fillOf(happening: Happening, error: unknown): string {
  if (happening === 'completed') return '█';
  if (happening === 'cancelled') return '▓';
  return error instanceof TimeoutError ? '▒' : '░';
}

function outcome({ status, attempts }: TaskTrace): string {
  if (status === 'cancelled') return styleText(styles.cancelled, 'cancelled');
  const text = status === 'completed' ? 'ok' : 'failed';
  return styleText(styles[status], attempts.length === 1 ? text : `${text}, attempt ${attempts.length}`);
}

function scale(length: number): string {
  const quarter = chartWidth / 4;
  const ticks = [0, 1, 2, 3].map((index) => `|${Math.round((length * index) / 4)}`.padEnd(quarter));
  return ticks.join('');
}

function legend(): string {
  const entries = [
    ['completed', '█', 'completed'],
    ['retried', '░', 'failed'],
    ['retried', '▒', 'timed out'],
    ['cancelled', '▓', 'cut short'],
    ['retried', marks.retried, 'tried again'],
    ['running', '·', 'waiting'],
    ['failed', marks.failed, 'given up'],
    ['cancelled', marks.cancelled, 'cancelled'],
  ] as const;
  return `  ${entries.map(([style, mark, text]) => `${styleText(styles[style], mark)} ${text}`).join('   ')}`;
}
