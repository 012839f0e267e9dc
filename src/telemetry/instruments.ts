import type { Attributes, Counter, Histogram, Meter, MeterProvider } from '@opentelemetry/api';
import { scope } from './api.js';
import { SeriesByName } from './series.js';

/** Instruments for processes, tasks and runs. The series are counted by up-down counters. */
export interface Instruments {
  readonly processDuration: Histogram;
  readonly processFailures: Counter;
  readonly processes: SeriesByName;
  readonly taskDuration: Histogram;
  readonly taskAttempts: Counter;
  readonly taskFailures: Counter;
  readonly taskRetries: Counter;
  readonly tasks: SeriesByName;
  readonly runsEnded: Counter;
  readonly runDuration: Histogram;
}

/** Upper bounds of the histogram buckets, in seconds: from a call in memory to a job that runs overnight. */
const boundaries = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200];

/**
 * Instruments by provider. A provider keeps its instruments, so telemetry that is stopped and started again continues
 * their counts.
 */
const known = new WeakMap<MeterProvider, Instruments>();

/** Returns the instruments of a provider, created on the first call. */
export function instrumentsOf(provider: MeterProvider): Instruments {
  const found = known.get(provider) ?? created(provider.getMeter(scope.name, scope.version));
  known.set(provider, found);
  return found;
}

function created(meter: Meter): Instruments {
  const processes = new SeriesByName((name) => ({ 'orchestrator.process.name': name }));
  const tasks = new SeriesByName(attributesOfTask);
  observeRunning(meter, { processes, tasks });
  const durations = (name: string, description: string) =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: boundaries } });
  return {
    processDuration: durations('orchestrator.process.duration', 'Duration of processes.'),
    processFailures: meter.createCounter('orchestrator.process.failures', {
      description: 'Processes that have failed.',
      unit: '{process}',
    }),
    processes,
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
    tasks,
    runsEnded: meter.createCounter('orchestrator.run.ended', {
      description: 'Runs of flows that have ended, by status.',
      unit: '{run}',
    }),
    runDuration: durations('orchestrator.run.duration', 'Duration of runs of flows, by status.'),
  };
}

function observeRunning(meter: Meter, { processes, tasks }: Pick<Instruments, 'processes' | 'tasks'>): void {
  meter
    .createObservableUpDownCounter('orchestrator.process.active', {
      description: 'Processes that are running.',
      unit: '{process}',
    })
    .addCallback(processes.observe);
  meter
    .createObservableUpDownCounter('orchestrator.task.active', {
      description: 'Tasks that are running.',
      unit: '{task}',
    })
    .addCallback(tasks.observe);
}

/** The process is left out if the task has outlived it. */
function attributesOfTask(name: string, process: string | undefined): Attributes {
  return process === undefined
    ? { 'orchestrator.task.name': name }
    : { 'orchestrator.task.name': name, 'orchestrator.process.name': process };
}
