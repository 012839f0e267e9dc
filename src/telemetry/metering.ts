import type { Attributes } from '@opentelemetry/api';
import type { RunEndEvent } from '../flow/index.js';
import type { Instrumentation, ProcessRecord, TaskRecord, TaskRetryEvent } from '../index.js';
import { errorTypeOf } from './errors.js';
import type { Instruments } from './instruments.js';
import { quietly } from './quietly.js';
import type { Series } from './series.js';

/** The instrumentation and the event handlers that record metrics. */
export interface Metering extends Instrumentation {
  onRetry(event: TaskRetryEvent): void;
  onRunEnd(event: RunEndEvent): void;
}

/**
 * Measures processes, tasks and runs. Attributes are names, statuses and error classes, so their number does not grow
 * with the amount of work. A failed task that another task retries is counted as a retry, not as a failure.
 *
 * @param instruments - returns the current instruments, because a program may set up its SDK later
 */
export function metering(instruments: () => Instruments): Metering {
  const open = new OpenProcesses();
  return {
    process: (record, work) => {
      const { processes, processDuration, processFailures } = instruments();
      const series = processes.of(record.name);
      series.running.count++;
      open.begin(record);
      const end = () => {
        open.end(record);
        series.running.count--;
        const ended = endOf(record, series);
        processDuration.record(record.totalDuration / 1000, ended);
        if (record.status === 'failed') processFailures.add(1, ended);
      };
      settle(work(), end);
    },
    task: (record, work) => {
      const { tasks, taskAttempts, taskDuration, taskFailures } = instruments();
      const series = tasks.of(record.name, open.nameOf(record.processId));
      series.running.count++;
      const end = () => {
        series.running.count--;
        const ended = record.isRetried ? retried(record, series) : endOf(record, series);
        taskDuration.record(record.duration / 1000, ended);
        taskAttempts.add(record.attempts, series.attributes);
        if (record.status === 'failed' && !record.isRetried) taskFailures.add(1, ended);
      };
      settle(work(), end);
    },
    onRetry: ({ name, processId, error }) => {
      const { tasks, taskRetries } = instruments();
      const { attributes } = tasks.of(name, open.nameOf(processId));
      taskRetries.add(1, { ...attributes, 'error.type': errorTypeOf(error) });
    },
    onRunEnd: ({ workflow, status, duration }) => {
      const { runsEnded, runDuration } = instruments();
      const attributes = { 'orchestrator.workflow.name': workflow, 'orchestrator.run.status': status };
      runsEnded.add(1, attributes);
      runDuration.record(duration / 1000, attributes);
    },
  };
}

/**
 * Names of the running processes by id, because tasks report only the id. Several processes may have the same id: the
 * jobs of a run.
 */
class OpenProcesses {
  readonly #open = new Map<string, { readonly name: string; count: number }>();

  nameOf(id: string): string | undefined {
    return this.#open.get(id)?.name;
  }

  begin({ id, name }: ProcessRecord): void {
    const open = this.#open.get(id);
    if (open === undefined) this.#open.set(id, { name, count: 1 });
    else open.count++;
  }

  end({ id }: ProcessRecord): void {
    const open = this.#open.get(id) as { count: number };
    if (--open.count === 0) this.#open.delete(id);
  }
}

/** Calls `end` when the work has settled, and ignores errors of the meter. */
function settle(work: Promise<unknown>, end: () => void): void {
  const settled = () => quietly(end);
  work.then(settled, settled);
}

function endOf({ status, error }: Pick<ProcessRecord, 'status' | 'error'>, { attributes, completed }: Series) {
  if (status === 'completed') return completed;
  if (status !== 'failed') return { ...attributes, 'orchestrator.status': status };
  return { ...attributes, 'orchestrator.status': status, 'error.type': errorTypeOf(error) };
}

function retried(record: TaskRecord, series: Series): Attributes {
  return { ...endOf(record, series), 'orchestrator.status': 'retried' };
}
