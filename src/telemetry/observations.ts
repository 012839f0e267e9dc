import type { DiagLogger } from '@opentelemetry/api';
import { anObjectOf, aValue, invalid, isPlainObject } from '../shared/validate.js';
import { type Fleet, fleetGauges } from './fleet-gauges.js';
import { type Loops, loopGauges } from './loop-gauges.js';
import type { Meters } from './meters.js';
import type { Attributes } from './open-telemetry.js';

/**
 * An orchestrator that `observe` accepts: a `DistributedOrchestrator`, whose queue, runs and workers are measured, or a
 * `WorkflowOrchestrator` of loops, whose loops and queues are measured.
 */
export type Observed = Fleet | Loops;

/**
 * Options of `observe`. Set `attributes` if the program observes several orchestrators of the same kind, so that their
 * measurements can be distinguished.
 *
 * @example
 * telemetry.observe(orchestrator, { attributes: { region: 'eu' } });
 */
export interface ObserveOptions {
  /** Attributes of all measurements of this orchestrator. Default: none. */
  readonly attributes?: Attributes | undefined;
}

const readOptions = anObjectOf<ObserveOptions>({ attributes: aValue<Attributes>('an object', isPlainObject) });

/** The observed orchestrators, measured each time metrics are collected. */
export class Observations {
  readonly #ends = new Set<() => void>();

  constructor(
    private readonly meters: Meters,
    private readonly log: Pick<DiagLogger, 'warn'>,
  ) {}

  /**
   * Starts to measure an orchestrator.
   *
   * @returns a function that stops the measurements
   * @throws {ValidationError} if `observed` is neither a `DistributedOrchestrator` nor a `WorkflowOrchestrator`
   */
  add(observed: Observed, options: ObserveOptions = {}): () => void {
    const { attributes = {} } = readOptions(options);
    const { meter } = this.meters;
    const { instruments, observe } = isFleet(observed)
      ? fleetGauges(meter, observed, attributes, this.log)
      : loopGauges(meter, aWorkflow(observed, 'observed'), attributes);
    meter.addBatchObservableCallback(observe, instruments);
    const end = () => {
      if (this.#ends.delete(end)) meter.removeBatchObservableCallback(observe, instruments);
    };
    this.#ends.add(end);
    return end;
  }

  end(): void {
    for (const end of this.#ends) end();
  }
}

function isFleet(observed: Observed): observed is Fleet {
  return typeof Object(observed).countRuns === 'function';
}

function aWorkflow(observed: Loops, field: string): Loops {
  if (typeof Object(observed).metrics === 'function') return observed;
  throw invalid(field, 'a DistributedOrchestrator, or a WorkflowOrchestrator', observed);
}
