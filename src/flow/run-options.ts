import { aLogger } from '../shared/logger.js';
import {
  aBoolean,
  aConcurrency,
  aLimit,
  anId,
  anObjectOf,
  aSignal,
  aState,
  aValue,
  isPlainObject,
  longestDelay,
  type Reader,
} from '../shared/validate.js';
import type { ContinueOptions, RunOptions } from './node.js';

/** Makes a reader for objects that have the given methods. */
export function anObjectWith(...methods: readonly string[]): Reader {
  return aValue(`an object with ${methods.join(', ')}`, (value) =>
    methods.every((method) => typeof (value as Record<string, unknown> | null | undefined)?.[method] === 'function'),
  );
}

export const aRecord = aValue<Record<string, unknown>>('a plain object', isPlainObject);
const anything: Reader = (value) => value;

const shared = {
  executor: anObjectWith('run', 'getNextNode'),
  orchestrator: anObjectWith('run'),
  signal: aSignal,
  timeout: aLimit,
  concurrency: aConcurrency,
  failFast: aBoolean,
  maxVisits: aConcurrency,
  checkpoint: anObjectWith('claim', 'save', 'append', 'load', 'delete', 'list'),
  params: aRecord,
  logger: aLogger,
};

/**
 * Accepts limits of any length. The executor checks the length, because a fleet allows longer limits than a timer of
 * this program.
 */
const anyLimit: Reader = (value, field) =>
  typeof value === 'number' && value > longestDelay ? value : aLimit(value, field);

/** Like `readRunOptions`, but for an executor of any kind. */
export const readAnyRunOptions = anObjectOf<RunOptions>({ ...shared, timeout: anyLimit, runId: anId, input: anything });
export const readRunOptions = anObjectOf<RunOptions>({ ...shared, runId: anId, input: anything });
export const readContinueOptions = anObjectOf<ContinueOptions>({ ...shared, events: aState });
