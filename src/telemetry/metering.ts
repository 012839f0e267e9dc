import type { Attributes } from '@opentelemetry/api';
import type { RunEndEvent } from '../flow/index.js';
import type { Instrumentation, ProcessRecord, TaskRecord, TaskRetryEvent } from '../index.js';
import { errorTypeOf } from './errors.js';
import type { Instruments } from './instruments.js';

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
  const processes = new OpenProcesses();

  const taskAttributes = ({ name, processId }: Pick<TaskRecord, 'name' | 'processId'>): Attributes => {
    const process = processes.nameOf(processId);
    return process === undefined
      ? { 'orchestrator.task.name': name }
      : { 'orchestrator.task.name': name, 'orchestrator.process.name': process };
  };

  return {
    process: (record, work) => {
      const { activeProcesses, processDuration, processFailures } = instruments();
      const attributes = { 'orchestrator.process.name': record.name };
      activeProcesses.add(1, attributes);
      processes.begin(record);
      const end = () => {
        processes.end(record);
        activeProcesses.add(-1, attributes);
        const ended = { ...attributes, ...endOf(record) };
        processDuration.record(record.totalDuration / 1000, ended);
        if (record.status === 'failed') processFailures.add(1, ended);
      };
      return work().then(end, end);
    },
    task: (record, work) => {
      const { activeTasks, taskAttempts, taskDuration, taskFailures } = instruments();
      const attributes = taskAttributes(record);
      activeTasks.add(1, attributes);
      const end = () => {
        activeTasks.add(-1, attributes);
        const ended: Attributes = { ...attributes, ...endOf(record) };
        if (record.isRetried) ended['orchestrator.status'] = 'retried';
        taskDuration.record(record.duration / 1000, ended);
        taskAttempts.add(record.attempts, attributes);
        if (record.status === 'failed' && !record.isRetried) taskFailures.add(1, ended);
      };
      return work().then(end, end);
    },
    onRetry: (event) => {
      const attributes = { ...taskAttributes(event), 'error.type': errorTypeOf(event.error) };
      instruments().taskRetries.add(1, attributes);
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

function endOf({ status, error }: Pick<ProcessRecord, 'status' | 'error'>): Attributes {
  if (status !== 'failed') return { 'orchestrator.status': status };
  return { 'orchestrator.status': status, 'error.type': errorTypeOf(error) };
}
