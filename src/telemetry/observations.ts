import type { DiagLogger } from '@opentelemetry/api';
import { anObjectOf, aValue, invalid, isPlainObject } from '../shared/validate.js';
import { type Fleet, fleetGauges } from './fleet-gauges.js';
import { type Loops, loopGauges } from './loop-gauges.js';
import type { Meters } from './meters.js';
import type { Attributes } from './open-telemetry.js';

/** What can be observed: a `DistributedOrchestrator`, or a `WorkflowOrchestrator` of loops. */
export type Observed = Fleet | Loops;

/** What `observe` takes. */
export interface ObserveOptions {
  /** Attributes for all that is measured of it, which tell it from others of its kind. Default: none. */
  readonly attributes?: Attributes | undefined;
}

const readOptions = anObjectOf<ObserveOptions>({ attributes: aValue<Attributes>('an object', isPlainObject) });

/** What is measured whenever metrics are collected. */
export class Observations {
  readonly #ends = new Set<() => void>();

  constructor(
    private readonly meters: Meters,
    private readonly log: Pick<DiagLogger, 'warn'>,
  ) {}

  /** @throws {ValidationError} for what cannot be observed */
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
