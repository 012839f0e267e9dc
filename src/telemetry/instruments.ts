import type { Counter, Histogram, Meter, UpDownCounter } from '@opentelemetry/api';

/** Instruments for processes, tasks and runs. */
export interface Instruments {
  readonly processDuration: Histogram;
  readonly processFailures: Counter;
  readonly activeProcesses: UpDownCounter;
  readonly taskDuration: Histogram;
  readonly taskAttempts: Counter;
  readonly taskFailures: Counter;
  readonly taskRetries: Counter;
  readonly activeTasks: UpDownCounter;
  readonly runsEnded: Counter;
  readonly runDuration: Histogram;
}

/** Upper bounds of the histogram buckets, in seconds: from a call in memory to a job that runs overnight. */
const boundaries = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200];

export function instrumentsOf(meter: Meter): Instruments {
  const durations = (name: string, description: string) =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: boundaries } });
  return {
    processDuration: durations('orchestrator.process.duration', 'Duration of processes.'),
    processFailures: meter.createCounter('orchestrator.process.failures', {
      description: 'Processes that have failed.',
      unit: '{process}',
    }),
    activeProcesses: meter.createUpDownCounter('orchestrator.process.active', {
      description: 'Processes that are running.',
      unit: '{process}',
    }),
    taskDuration: durations('orchestrator.task.duration', 'Duration of tasks, with all attempts and delays.'),
    taskAttempts: meter.createCounter('orchestrator.task.attempts', {
      description: 'Attempts of tasks that have ended.',
      unit: '{attempt}',
    }),
    taskFailures: meter.createCounter('orchestrator.task.failures', {
      description: 'Tasks that have failed.',
      unit: '{task}',
    }),
    taskRetries: meter.createCounter('orchestrator.task.retries', {
      description: 'Failed attempts that are retried.',
      unit: '{retry}',
    }),
    activeTasks: meter.createUpDownCounter('orchestrator.task.active', {
      description: 'Tasks that are running.',
      unit: '{task}',
    }),
    runsEnded: meter.createCounter('orchestrator.run.ended', {
      description: 'Runs of flows that have ended, by status.',
      unit: '{run}',
    }),
    runDuration: durations('orchestrator.run.duration', 'Duration of runs of flows, by status.'),
  };
}
