import type { Attributes, BatchObservableResult, DiagLogger, Meter, Observable } from '@opentelemetry/api';
import pTimeout from 'p-timeout';
import type { DistributedOrchestrator } from '../distributed/index.js';
import type { Gauges } from './gauges.js';

/**
 * The part of a `DistributedOrchestrator` that telemetry measures: the depth of its queue, its runs by status, and its
 * workers, alive or lost. Every `DistributedOrchestrator` has this type.
 */
export type Fleet = Pick<DistributedOrchestrator, 'countRuns' | 'liveness'> & {
  readonly engine: { readonly queue: Pick<DistributedOrchestrator['engine']['queue'], 'depth'> };
};

/**
 * Milliseconds to wait for an answer from the engine, so that an unreachable engine does not delay all other metrics.
 */
const patience = 5_000;

/**
 * Creates the gauges of a fleet, which query its engine. If the engine does not answer in time, nothing is observed, so
 * OpenTelemetry repeats the last figures.
 */
export function fleetGauges(meter: Meter, fleet: Fleet, attributes: Attributes, log: Pick<DiagLogger, 'warn'>): Gauges {
  const jobs = meter.createObservableUpDownCounter('orchestrator.queue.depth', {
    description: 'Jobs in the queue of a fleet.',
    unit: '{job}',
  });
  const runs = meter.createObservableUpDownCounter('orchestrator.runs', {
    description: 'Runs of a fleet, by status.',
    unit: '{run}',
  });
  const workers = meter.createObservableUpDownCounter('orchestrator.workers', {
    description: 'Workers of a fleet.',
    unit: '{worker}',
  });

  const ask = async <Answer>(what: string, question: () => Promise<Answer>, answered: (answer: Answer) => void) => {
    try {
      answered(await pTimeout(question(), { milliseconds: patience }));
    } catch (error) {
      log.warn(`orchestrator: ${what} could not be observed`, error);
    }
  };
  const observe = async (result: BatchObservableResult) => {
    const each = (instrument: Observable, name: string, counts: Readonly<Record<string, number>>) => {
      for (const [value, count] of Object.entries(counts))
        result.observe(instrument, count, { ...attributes, [name]: value });
    };
    await Promise.all([
      ask(
        'the queue',
        () => fleet.engine.queue.depth(),
        (depth) => each(jobs, 'orchestrator.job.state', depth),
      ),
      ask(
        'runs',
        () => fleet.countRuns(),
        (counts) => each(runs, 'orchestrator.run.status', counts),
      ),
      ask(
        'workers',
        () => fleet.liveness(),
        (listed) => {
          const alive = listed.filter((worker) => worker.alive).length;
          each(workers, 'orchestrator.worker.state', { alive, lost: listed.length - alive });
        },
      ),
    ]);
  };
  return { instruments: [jobs, runs, workers], observe };
}
