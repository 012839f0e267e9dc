import type { BatchObservableResult, Observable } from '@opentelemetry/api';

/** What is asked whenever metrics are collected. */
export interface Gauges {
  readonly instruments: Observable[];
  readonly observe: (result: BatchObservableResult) => void | Promise<void>;
}
