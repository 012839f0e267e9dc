import type { Attributes, ObservableResult } from '@opentelemetry/api';

/**
 * Number of names that are counted separately. Further names are counted together, as OpenTelemetry does: it keeps 2,000
 * sets of attributes for a metric, and one of them stands for all sets that have no room.
 */
const mostSeries = 1_999;

/** Attributes of the further names, as defined by OpenTelemetry. */
const overflow: Attributes = { 'otel.metric.overflow': true };

/** The attributes of the work with one name, built once, and the number of the works that are running. */
export interface Series {
  readonly attributes: Attributes;
  /** The attributes with the status `completed`. */
  readonly completed: Attributes;
  readonly running: Running;
}

interface Running {
  readonly attributes: Attributes;
  count: number;
}

/**
 * Series of tasks by their name and the name of their process, or of processes by their name. OpenTelemetry reads the
 * numbers of running works when metrics are collected: work that begins and ends between two collections costs no
 * measurement.
 */
export class SeriesByName {
  readonly #found = new Map<string | undefined, Map<string, Series>>();
  readonly #running: Running[] = [];
  #others: Running | undefined = undefined;

  constructor(private readonly attributesOf: (name: string, process: string | undefined) => Attributes) {}

  of(name: string, process?: string): Series {
    return this.#found.get(process)?.get(name) ?? this.#add(name, process);
  }

  /** Reports the numbers of running works. */
  readonly observe = (result: ObservableResult): void => {
    for (const { count, attributes } of this.#running) result.observe(count, attributes);
    if (this.#others !== undefined) result.observe(this.#others.count, overflow);
  };

  #add(name: string, process: string | undefined): Series {
    const attributes = this.attributesOf(name, process);
    const completed = { ...attributes, 'orchestrator.status': 'completed' };
    if (this.#running.length === mostSeries) {
      this.#others ??= { attributes: overflow, count: 0 };
      return { attributes, completed, running: this.#others };
    }
    const running = { attributes, count: 0 };
    this.#running.push(running);
    const series = { attributes, completed, running };
    const ofProcess = this.#found.get(process) ?? new Map<string, Series>();
    this.#found.set(process, ofProcess.set(name, series));
    return series;
  }
}
