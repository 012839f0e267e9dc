import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Meter, MeterProvider } from '@opentelemetry/api';
import type { LifeBeginEvent } from '../durable/index.js';
import type { RunEndEvent } from '../flow/index.js';
import { instrument, type TaskRetryEvent } from '../index.js';
import { scope } from './api.js';
import { type Instruments, instrumentsOf } from './instruments.js';
import { metering } from './metering.js';
import { quietly } from './quietly.js';

/** The destination of measurements. The provider may change when a program sets up its SDK. */
export class Meters {
  #provider: MeterProvider | undefined = undefined;
  #instruments: Instruments | undefined = undefined;

  constructor(private readonly provider: () => MeterProvider) {}

  get meter(): Meter {
    return this.provider().getMeter(scope.name, scope.version);
  }

  /**
   * Measures all processes and tasks from now on.
   *
   * @returns a function that stops the measurements
   */
  start(): () => void {
    const { onRetry, onRunEnd, ...around } = metering(() => this.#current());
    return together(instrument(around), listenToRetries(onRetry), listenToRunEnds(onRunEnd));
  }

  #current(): Instruments {
    const provider = this.provider();
    if (this.#instruments === undefined || provider !== this.#provider) {
      this.#provider = provider;
      this.#instruments = instrumentsOf(provider);
    }
    return this.#instruments;
  }
}

/**
 * Subscribes to retries.
 *
 * @returns a function that unsubscribes
 */
export function listenToRetries(onRetry: (event: TaskRetryEvent) => void): () => void {
  return listen('orchestrator:task:retry', onRetry);
}

/**
 * Subscribes to the ends of runs.
 *
 * @returns a function that unsubscribes
 */
export function listenToRunEnds(onRunEnd: (event: RunEndEvent) => void): () => void {
  return listen('orchestrator:run:end', onRunEnd);
}

/**
 * Subscribes to the lives of durable runs.
 *
 * @returns a function that unsubscribes
 */
export function listenToLives(onLife: (event: LifeBeginEvent) => void): () => void {
  return listen('orchestrator:life:begin', onLife);
}

function listen<Event>(channel: string, onEvent: (event: Event) => void): () => void {
  const listener = (message: unknown) => quietly(() => onEvent(message as Event));
  subscribe(channel, listener);
  return () => unsubscribe(channel, listener);
}

/** Combines several functions that end something into one. */
export function together(...ends: readonly (() => void)[]): () => void {
  return () => {
    for (const end of ends) end();
  };
}
