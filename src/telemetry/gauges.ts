import type { BatchObservableResult, Observable } from '@opentelemetry/api';

/** Instruments, and the function that reads their values each time metrics are collected. */
export interface Gauges {
  readonly instruments: Observable[];
  readonly observe: (result: BatchObservableResult) => void | Promise<void>;
}
