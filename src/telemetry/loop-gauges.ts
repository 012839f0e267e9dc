import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { LoopMetrics, LoopState, QueueMetrics, WorkflowOrchestrator } from '../loops/index.js';
import type { Gauges } from './gauges.js';

/**
 * The part of a `WorkflowOrchestrator` that telemetry measures: its method `metrics()`, which reports the counts of all
 * loops and queues. Every `WorkflowOrchestrator` has this type.
 */
export type Loops = Pick<WorkflowOrchestrator, 'metrics'>;

/** A measured value of a loop or a queue. */
interface Figure<Metrics> {
  readonly instrument: Observable;
  /** Reads the value, or several values with attributes that distinguish them. */
  readonly read: (metrics: Metrics) => number | readonly (readonly [attributes: Attributes, value: number])[];
}

const states: readonly LoopState[] = ['stopped', 'starting', 'running', 'paused', 'restarting', 'stopping', 'error'];

/** Creates the gauges of loops, which read the counts of loops and queues. */
export function loopGauges(meter: Meter, loops: Loops, attributes: Attributes): Gauges {
  const perLoop = figuresOfLoops(meter);
  const perQueue = figuresOfQueues(meter);
  const letters = meter.createObservableUpDownCounter('orchestrator.loop.dead_letters', {
    description: 'Dead letters that are stored.',
    unit: '{letter}',
  });
  const dropped = meter.createObservableCounter('orchestrator.loop.dead_letters.dropped', {
    description: 'Dead letters that were dropped for newer ones.',
    unit: '{letter}',
  });

  const observe = (result: BatchObservableResult) => {
    const metrics = loops.metrics();
    for (const loop of metrics.loops)
      note(result, perLoop, loop, { ...attributes, 'orchestrator.loop.id': loop.loopId });
    for (const queue of metrics.queues)
      note(result, perQueue, queue, { ...attributes, 'messaging.destination.name': queue.queue });
    result.observe(letters, metrics.deadLetters, attributes);
    result.observe(dropped, metrics.deadLettersDropped, attributes);
  };
  return {
    instruments: [...perLoop, ...perQueue].map(({ instrument }) => instrument).concat(letters, dropped),
    observe,
  };
}

function note<Metrics>(
  result: BatchObservableResult,
  figures: readonly Figure<Metrics>[],
  metrics: Metrics,
  attributes: Attributes,
): void {
  for (const { instrument, read } of figures) {
    const value = read(metrics);
    if (typeof value === 'number') result.observe(instrument, value, attributes);
    else for (const [own, part] of value) result.observe(instrument, part, { ...attributes, ...own });
  }
}

function figuresOfLoops(meter: Meter): Figure<LoopMetrics>[] {
  /** Creates a counter that never goes down from a count that restarts at 0 with each life of a loop. */
  const counter = (name: string, unit: string, description: string, read: (metrics: LoopMetrics) => number) => {
    const total = new Totals();
    const instrument = meter.createObservableCounter(`orchestrator.loop.${name}`, { unit, description });
    return { instrument, read: (metrics: LoopMetrics) => total.of(metrics.loopId, read(metrics)) };
  };
  return [
    counter('iterations', '{iteration}', 'Iterations that have ended.', ({ iterations }) => iterations),
    counter('errors', '{error}', 'Calls of nodes that have failed.', ({ errors }) => errors),
    counter('restarts', '{restart}', 'Restarts after a failure.', ({ restarts }) => restarts),
    counter('missed_ticks', '{tick}', 'Ticks of schedules that were skipped.', ({ missedTicks }) => missedTicks),
    counter('dropped_calls', '{call}', 'Calls of non-blocking nodes that were skipped.', ({ nodes }) =>
      nodes.reduce((sum, { dropped }) => sum + dropped, 0),
    ),
    {
      instrument: meter.createObservableUpDownCounter('orchestrator.loop.in_flight', {
        description: 'Calls of non-blocking nodes that are running.',
        unit: '{call}',
      }),
      read: ({ inFlight }) => inFlight,
    },
    {
      instrument: meter.createObservableGauge('orchestrator.loop.iteration.duration', {
        description: 'Duration of iterations since the loop was started, as quantiles.',
        unit: 's',
      }),
      read: ({ durations: { p50, p90, p99, max } }) =>
        Object.entries({ '0.5': p50, '0.9': p90, '0.99': p99, '1': max }).map(
          ([quantile, value]) => [{ 'orchestrator.quantile': quantile }, value / 1000] as const,
        ),
    },
    {
      instrument: meter.createObservableUpDownCounter('orchestrator.loop.state', {
        description: '1 for the state that a loop is in, 0 for all others.',
        unit: '1',
      }),
      read: ({ state }) => states.map((each) => [{ 'orchestrator.loop.state': each }, each === state ? 1 : 0] as const),
    },
  ];
}

function figuresOfQueues(meter: Meter): Figure<QueueMetrics>[] {
  const gauge = (name: string, unit: string, description: string, read: (metrics: QueueMetrics) => number) => {
    const options = { unit, description };
    return { instrument: meter.createObservableUpDownCounter(`orchestrator.loop.queue.${name}`, options), read };
  };
  const counter = (name: string, description: string, read: (metrics: QueueMetrics) => number) => {
    const options = { unit: '{message}', description };
    return { instrument: meter.createObservableCounter(`orchestrator.loop.queue.${name}`, options), read };
  };
  return [
    gauge('depth', '{message}', 'Messages waiting in the queue.', ({ depth }) => depth),
    gauge(
      'unacknowledged',
      '{message}',
      'Messages that loops have received and not acknowledged yet.',
      ({ unacknowledged }) => unacknowledged,
    ),
    gauge('capacity', '{message}', 'Capacity of the queue.', ({ capacity }) => capacity),
    gauge('blocked', '{message}', 'Pushes waiting for space in the queue.', ({ blocked }) => blocked),
    counter('pushed', 'Messages that were pushed.', ({ pushed }) => pushed),
    counter('acknowledged', 'Messages whose iteration has ended.', ({ acknowledged }) => acknowledged),
    counter('dropped', 'Messages dropped because the queue was full.', ({ dropped }) => dropped),
    {
      instrument: meter.createObservableGauge('orchestrator.loop.queue.age', {
        description: 'Age of the oldest message waiting in the queue.',
        unit: 's',
      }),
      read: ({ age }) => age / 1000,
    },
  ];
}

/** Sums counts over the lives of loops: a count that restarts at 0 is added to the earlier total. */
class Totals {
  readonly #seen = new Map<string, { readonly before: number; readonly last: number }>();

  of(id: string, count: number): number {
    const { before, last } = this.#seen.get(id) ?? { before: 0, last: 0 };
    const seen = { before: count < last ? before + last : before, last: count };
    this.#seen.set(id, seen);
    return seen.before + count;
  }
}
